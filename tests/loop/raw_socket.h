#pragma once

#include "proxy/net/unique_fd.h"
#include "tests/loop/client_tls.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::tests {

// A blocking TCP connection on loopback, plain or with TLS, whose every wait ends after `patience_seconds`; then
// the test fails.
class RawSocket {
 public:
  static constexpr int patience_seconds = 10;

  enum class End : std::uint8_t {
    fin,  // in order: with TLS, behind a close_notify
    reset,
    cut,  // of TLS: without a close_notify
  };

  explicit RawSocket(net::UniqueFd fd);
  static RawSocket connect(std::uint16_t port);

  // Speaks TLS from here on. What is sent before the handshake is done waits for it, and it goes on only where this
  // socket waits for something: come_in() waits for its end, which does not come before a place is free.
  void secure(std::string_view protocol);
  void come_in();
  bool is_secure() const { return tls_ != nullptr; }

  void send(std::string_view bytes);
  bool try_send(std::string_view bytes);                // false: the other side takes nothing any more
  bool fits(std::string_view bytes, int milliseconds);  // sent; false: for so long nothing more was taken
  std::string read_until(std::string_view end);         // what came, up to and with `end`
  std::string read(std::size_t bytes);
  std::string read_some();    // what is next to come; empty at the end, which end() then names
  std::string read_to_end();  // what comes before the end, which end() then names
  End end() const { return *end_; }
  bool quiet_for(int milliseconds);  // neither bytes nor an end
  void finish_sending();
  void reset();  // closes so that the peer sees a reset
  void close() { fd_.reset(); }

 private:
  bool receive();       // something to read; false at the end
  bool hear_of_wire();  // whatever comes next; false at the end
  std::string_view take(std::span<char> into);
  bool put(std::string_view bytes);

  net::UniqueFd fd_;
  std::unique_ptr<ClientTls> tls_;
  std::string received_;
  std::optional<End> end_;
};

// A listening socket that the test serves by hand.
class RawServer {
 public:
  RawServer();
  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  RawSocket accept();
  bool nobody_came() const;
  void stop_answering();  // from now on the kernel ignores who wants to connect
  void close() { fd_.reset(); }
  void refuse();  // from now on nobody listens here, and nobody else comes to: the port stays ours

 private:
  net::UniqueFd fd_;
  std::vector<net::UniqueFd> fillers_;
  std::uint16_t port_ = 0;
};

}  // namespace drawbridge::tests
