#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;

namespace drawbridge::bench {

// One client socket, plain or TLS (OpenSSL on the descriptor, no session reuse). Non-blocking.
class Wire {
 public:
  enum class Step : std::uint8_t { done, again, failed };
  struct Count {
    Step step = Step::again;  // done with 0 bytes: the peer has finished
    std::size_t bytes = 0;
  };

  explicit Wire(ssl_ctx_st* context) : context_(context) {}
  ~Wire() { close(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  bool open(std::uint16_t port);
  void close();
  // To be called until done: connected, and with TLS the handshake over.
  Step establish();
  Count send(std::string_view bytes);
  Count receive(std::span<char> room);
  int fd() const { return fd_; }

 private:
  Count outcome(int result, std::size_t bytes);

  ssl_ctx_st* context_;
  ssl_st* tls_ = nullptr;
  int fd_ = -1;
};

// A client's TLS context: no verification, ALPN http/1.1, every handshake a full one.
ssl_ctx_st* make_tls_context();

}  // namespace drawbridge::bench
