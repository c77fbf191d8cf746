#include "tests/loop/client_tls.h"

#include "tests/loop/transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace drawbridge::tests {
namespace {

void check(bool good) {
  if (good) return;
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  throw std::runtime_error(text.data());
}

}  // namespace

void ClientTls::Free::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

void ClientTls::Free::operator()(SSL* ssl) const {
  SSL_free(ssl);
}

ClientTls::ClientTls(std::string_view protocol)
    : context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_.get())), protocol_(protocol) {
  auto* ssl = ssl_.get();
  check(SSL_CTX_load_verify_file(context_.get(), certified().authority.c_str()) == 1);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  check(SSL_set1_host(ssl, "a") == 1 && SSL_set_tlsext_host_name(ssl, "a") == 1);
  const auto offer = static_cast<char>(protocol.size()) + protocol_;
  check(SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offer.data()),
                            static_cast<unsigned>(offer.size())) == 0);
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl);
  go_on();
}

void ClientTls::hear(std::string_view sealed) {
  check(BIO_write(SSL_get_rbio(ssl_.get()), sealed.data(), static_cast<int>(sealed.size())) > 0);
  go_on();
}

void ClientTls::say(std::string_view plain) {
  to_say_ += plain;
  go_on();
}

void ClientTls::finish() {
  finishing_ = true;
  go_on();
}

bool ClientTls::established() const {
  return SSL_is_init_finished(ssl_.get()) == 1;
}

bool ClientTls::is_done(int result) {
  if (result > 0) return true;
  const auto error = SSL_get_error(ssl_.get(), result);
  heard_end_ = heard_end_ || error == SSL_ERROR_ZERO_RETURN;
  check(heard_end_ || error == SSL_ERROR_WANT_READ);
  return false;
}

void ClientTls::go_on() {
  ERR_clear_error();
  auto* ssl = ssl_.get();
  if (!established()) {
    if (!is_done(SSL_do_handshake(ssl))) return;
    const unsigned char* agreed = nullptr;
    unsigned bytes = 0;
    SSL_get0_alpn_selected(ssl, &agreed, &bytes);
    if (std::string_view(reinterpret_cast<const char*>(agreed), bytes) != protocol_) {
      throw std::runtime_error("another protocol was agreed on");
    }
  }
  if (const auto text = std::exchange(to_say_, {}); !text.empty()) {
    check(SSL_write(ssl, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()));
  }
  if (std::exchange(finishing_, false)) SSL_shutdown(ssl);
  read_all();
}

void ClientTls::read_all() {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const auto got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (!is_done(got)) return;
    plain_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::string ClientTls::take_plain() {
  return std::exchange(plain_, {});
}

std::string ClientTls::take_sealed() {
  auto* wire = SSL_get_wbio(ssl_.get());
  std::string sealed(BIO_ctrl_pending(wire), '\0');
  if (!sealed.empty()) check(BIO_read(wire, sealed.data(), static_cast<int>(sealed.size())) > 0);
  return sealed;
}

}  // namespace drawbridge::tests
