#include "proxy/net/tls_settings.h"

#include <openssl/ssl.h>

namespace drawbridge::net {
namespace {

constexpr const char* default_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* tls13_ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";

}  // namespace

void apply_common_settings(SSL_CTX& context, TlsVersion min_version) {
  SSL_CTX_set_min_proto_version(&context, min_version == TlsVersion::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(&context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                    SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(&context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(&context, 1);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set1_groups_list(&context, groups);
  SSL_CTX_set_ciphersuites(&context, tls13_ciphers);
}

bool set_ciphers(SSL_CTX& context, const std::string& ciphers) {
  return SSL_CTX_set_cipher_list(&context, ciphers.empty() ? default_ciphers : ciphers.c_str()) == 1;
}

}  // namespace drawbridge::net
