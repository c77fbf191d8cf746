#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

namespace drawbridge::tests {

// The client's half of TLS in memory, by OpenSSL alone: it trusts the authority of certified(), asks for the host
// "a" and hides nothing, a missing close_notify least of all. A handshake or a record that goes wrong is an
// exception.
class ClientTls {
 public:
  // What it wants to speak (ALPN), and nothing else.
  explicit ClientTls(std::string_view protocol);

  void hear(std::string_view sealed);  // from the wire
  void say(std::string_view plain);    // sealed once the handshake is done
  void finish();                       // close_notify
  std::string take_sealed();           // for the wire
  std::string take_plain();

  bool established() const;
  bool heard_end() const { return heard_end_; }  // close_notify of the other side

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
    void operator()(SSL* ssl) const;
  };
  void go_on();
  void read_all();
  bool is_done(int result);  // false: it wants to hear more

  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  std::string protocol_;
  std::string to_say_, plain_;
  bool finishing_ = false;
  bool heard_end_ = false;
};

}  // namespace drawbridge::tests
