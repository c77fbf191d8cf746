#include "bench/load/client/wire.h"

#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace drawbridge::bench {

bool Wire::open(std::uint16_t port) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (connected != 0 && errno != EINPROGRESS) return false;
  if (context_ == nullptr) return true;
  tls_ = SSL_new(context_);
  SSL_set_fd(tls_, fd_);
  SSL_set_tlsext_host_name(tls_, "bench");
  SSL_set_connect_state(tls_);
  return true;
}

void Wire::close() {
  if (tls_ != nullptr) SSL_free(tls_);
  tls_ = nullptr;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Wire::Step Wire::establish() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return Step::failed;
  if (tls_ == nullptr) return Step::done;
  const auto result = SSL_do_handshake(tls_);
  return outcome(result, 0).step;
}

Wire::Count Wire::send(std::string_view bytes) {
  if (tls_ != nullptr) {
    std::size_t sent = 0;
    return outcome(SSL_write_ex(tls_, bytes.data(), bytes.size(), &sent), sent);
  }
  const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return {.step = Step::done, .bytes = static_cast<std::size_t>(sent)};
  return {.step = errno == EAGAIN ? Step::again : Step::failed};
}

Wire::Count Wire::receive(std::span<char> room) {
  if (tls_ != nullptr) {
    std::size_t got = 0;
    return outcome(SSL_read_ex(tls_, room.data(), room.size(), &got), got);
  }
  const auto got = ::recv(fd_, room.data(), room.size(), 0);
  if (got >= 0) return {.step = Step::done, .bytes = static_cast<std::size_t>(got)};
  return {.step = errno == EAGAIN ? Step::again : Step::failed};
}

Wire::Count Wire::outcome(int result, std::size_t bytes) {
  if (result == 1) return {.step = Step::done, .bytes = bytes};
  const auto error = SSL_get_error(tls_, result);
  if (error == SSL_ERROR_ZERO_RETURN) return {.step = Step::done, .bytes = 0};
  return {.step = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Step::again : Step::failed};
}

ssl_ctx_st* make_tls_context() {
  auto* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  static constexpr std::array<unsigned char, 9> protocols{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context, protocols.data(), protocols.size());
  return context;
}

}  // namespace drawbridge::bench
