#pragma once

#include <openssl/types.h>

namespace drawbridge::net {

class TlsServer;

// What OpenSSL asks a TlsServer in the course of a handshake: which certificate, protocol, ticket key, staple.
struct TlsServerCalls {
  static void install(SSL_CTX& context);

  static int choose_certificate(SSL* ssl, int* alert, void*);
  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_bytes,
                             const unsigned char* offered, unsigned int offered_bytes, void*);
  static int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                        int sealing);
  static int staple(SSL* ssl, void*);

 private:
  static const TlsServer& server_of(SSL* ssl);
};

}  // namespace drawbridge::net
