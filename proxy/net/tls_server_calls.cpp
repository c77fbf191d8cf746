#include "proxy/net/tls_server_calls.h"

#include "proxy/net/tls_server.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace drawbridge::net {
namespace {

bool arm(const TicketKeys::Key& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
         bool sealing) {
  auto secret = key.mac;
  std::array<char, 7> digest{"SHA256"};
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, sealing ? 1 : 0) == 1 &&
         EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

}  // namespace

const TlsServer& TlsServerCalls::server_of(SSL* ssl) {
  return *static_cast<const TlsServer*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

void TlsServerCalls::install(SSL_CTX& context) {
  SSL_CTX_set_tlsext_servername_callback(&context, choose_certificate);
  SSL_CTX_set_alpn_select_cb(&context, choose_protocol, nullptr);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, ticket_key);
  SSL_CTX_set_tlsext_status_cb(&context, staple);
}

int TlsServerCalls::choose_certificate(SSL* ssl, int*, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  auto* chosen = server_of(ssl).choose(name);
  if (chosen != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, chosen);
  return SSL_TLSEXT_ERR_OK;
}

// Clients that offer only what we do not speak are told so (RFC 7301 section 3.2).
int TlsServerCalls::choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_bytes,
                                    const unsigned char* offered, unsigned int offered_bytes, void*) {
  const auto& ours = server_of(ssl).protocols_;
  unsigned char* chosen = nullptr;
  const auto found = SSL_select_next_proto(&chosen, out_bytes, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, offered_bytes);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// 0: no such key, a full handshake follows. 2: accepted, and a new ticket is due.
int TlsServerCalls::ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                               EVP_MAC_CTX* mac, int sealing) {
  const auto& keys = server_of(ssl).keys_;
  if (sealing == 1) {
    const auto key = keys.current();
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::memcpy(name, key.name.data(), key.name.size());
    return arm(key, iv, cipher, mac, true) ? 1 : -1;
  }
  const auto found = keys.find({name, std::size_t{16}});
  if (!found) return 0;
  if (!arm(found->key, iv, cipher, mac, false)) return -1;
  // TLS 1.3 tickets are good for one use: a client that used one gets another in any case.
  return found->old || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

// A staple that is no longer good would make clients refuse us that need none.
int TlsServerCalls::staple(SSL* ssl, void*) {
  const auto* sent = SSL_get_certificate(ssl);
  if (sent == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const auto& all = server_of(ssl).certificates_;
  const auto found = std::ranges::find_if(all, [&](const Certificate& one) { return one.is(*sent); });
  const auto now = std::chrono::system_clock::now();
  if (found == all.end() || found->staple().empty() || found->staple_until() <= now) return SSL_TLSEXT_ERR_NOACK;
  const auto& bytes = found->staple();
  auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(bytes.data(), bytes.size()));
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(bytes.size()));
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace drawbridge::net
