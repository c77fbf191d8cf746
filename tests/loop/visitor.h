#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::tests {

class RawSocket;

// The head of an answer, interim or final; with it the body, where that was read.
struct Answer {
  int status = 0;
  std::map<std::string, std::string> fields;  // names in lower case, several lines of one as a list
  std::string body;

  void add(std::string name, std::string value);
  bool not_processed() const { return fields.contains("drawbridge-not-processed"); }
};

// A client of a worker in requests and answers, one at a time on one connection, over the transport of this run
// (tests/loop/transport.h). What differs between HTTP/1.1 and HTTP/2 by nature is said in their two sources and in
// no test. Every wait ends after RawSocket::patience_seconds; then, and when an answer is cut, the test fails by an
// exception.
class Visitor {
 public:
  static std::unique_ptr<Visitor> connect(std::uint16_t port);
  // One that may not be let in at once: what it says waits in its handshake, if there is one, until come_in().
  static std::unique_ptr<Visitor> arrive(std::uint16_t port);
  // On a connection on which something may have been said below all that a visitor speaks.
  static std::unique_ptr<Visitor> over(RawSocket socket);
  virtual ~Visitor() = default;
  virtual void come_in() = 0;

  struct Request {
    std::string method = "GET";
    std::string target = "/";
    std::size_t body_bytes = 0;  // announced; send() brings them
    bool has_body = false;
    std::string fields = {};  // more of the head, whole lines
  };
  virtual void begin(const Request& request) = 0;
  virtual void send(std::string_view body) = 0;  // lost if the request is over already
  virtual Answer head() = 0;                     // the next one, as soon as it is there
  virtual std::string body() = 0;                // of the head that came last, whole
  virtual bool quiet_for(int milliseconds) = 0;  // nothing of an answer, no end
  virtual void give_up() = 0;                    // this request
  virtual void close() = 0;                      // the client's program ends

  // A WebSocket: Upgrade and 101, or extended CONNECT and 200 (RFC 8441). Then send() and read() are its bytes.
  virtual void ask_tunnel(const std::string& target) = 0;
  virtual void check_opened() = 0;
  virtual std::string read(std::size_t bytes) = 0;
  virtual std::string read_to_end() = 0;  // of this direction, which must end in order
  virtual void finish_sending() = 0;

  // The request brings no whole answer any more, which can be seen: over HTTP/1 the connection ends, and not as one
  // that is in order behind a whole answer; over HTTP/2 the stream is reset, or the connection ends before.
  virtual void check_broken_off() = 0;
  // Behind an answer to a request that was not heard to its end: HTTP/1 closes its connection in order and has said
  // so; HTTP/2 resets the stream with NO_ERROR and the connection goes on.
  virtual void check_spent() = 0;
  // The worker ends the connection in order (with TLS by close_notify, over HTTP/2 with GOAWAY, NO_ERROR before),
  // and nothing comes before.
  virtual void check_end() = 0;
  // The answer that came last says that the connection ends behind it, which then comes true. HTTP/2 says so
  // beside.
  virtual void check_last() = 0;

  void get(const std::string& target = "/") { begin({.target = target}); }
  void post(std::string_view body, const std::string& target = "/");
  Answer answer();  // whole, interim ones passed over
};

}  // namespace drawbridge::tests
