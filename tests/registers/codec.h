#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::registers {

// The protocol of one client connection, without its socket: what to send for a request, and which answer is in
// what came. One request is open at a time; none of them has a body.
class Codec {
 public:
  struct Answer {
    int status = 0;
    std::string body;
    bool closes = false;  // no further request on this connection
  };

  virtual ~Codec() = default;
  // Appends what opens the connection.
  virtual void open(std::string& out) = 0;
  // Appends the request.
  virtual void ask(std::string_view method, std::string_view path, std::string& out) = 0;
  // The answer, once it is whole; takes it out of `in`. Appends what the protocol itself has to say.
  virtual std::optional<Answer> take(std::string& in, std::string& out) = 0;
};

std::unique_ptr<Codec> make_http1_codec();
std::unique_ptr<Codec> make_http2_codec();  // without TLS

}  // namespace drawbridge::registers
