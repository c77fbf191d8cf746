#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <string>

namespace drawbridge::net {

enum class TlsVersion : std::uint8_t { tls12, tls13 };

// What servers and clients have in common: versions, buffers given back, no compression, no renegotiation.
void apply_common_settings(SSL_CTX& context, TlsVersion min_version);

// Ciphers of TLS 1.2 as OpenSSL lists them; empty: forward secrecy and authenticated encryption only. False if none
// of them is known.
bool set_ciphers(SSL_CTX& context, const std::string& ciphers);

}  // namespace drawbridge::net
