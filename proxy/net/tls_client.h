#pragma once

#include "proxy/net/tls.h"
#include "proxy/net/tls_settings.h"

#include <openssl/types.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

struct ssl_session_st;  // of OpenSSL

namespace drawbridge::net {

// How the servers of one pool are spoken to.
struct TlsClientSpec {
  bool verify = true;       // the certificate must be good and bear the server's name
  std::string ca;           // PEM file with the authorities to trust; empty: the system's
  std::string server_name;  // asked for (SNI) and looked for in the certificate; empty: the host of the address
  std::string certificate;  // PEM files to show when asked; empty: none
  std::string key;
  TlsVersion min_version = TlsVersion::tls12;
  bool http2 = false;  // ALPN: h2 and nothing else

  bool operator==(const TlsClientSpec&) const = default;
};

struct TlsClientFlaw {
  enum class Part : std::uint8_t { ca, certificate, key };
  Part part = Part::ca;
  std::string message;  // follows the name of the file
};

// What the last connection to a server left behind, so that the next need not prove everything again. One a server
// and worker; outlives the connections made with it.
class TlsMemory {
 public:
  TlsMemory() = default;
  TlsMemory(const TlsMemory&) = delete;
  TlsMemory& operator=(const TlsMemory&) = delete;

 private:
  friend class TlsClient;
  struct Free {
    void operator()(ssl_session_st* session) const;
  };
  std::unique_ptr<ssl_session_st, Free> session_;
  std::shared_ptr<const void> of_;  // the TlsClient, kept for its address: what another trusted is not resumed
};

// The TLS of a pool at one moment. Immutable; any thread.
class TlsClient final {
 public:
  static std::expected<std::shared_ptr<const TlsClient>, TlsClientFlaw> make(const TlsClientSpec& spec);

  // The client's side of a new connection. `host` is the server's as configured, a name or an address, without
  // port. Null `memory`: nothing is resumed.
  static TlsSession connect(const std::shared_ptr<const TlsClient>& self, std::string_view host, TlsMemory* memory);

  // For who drives OpenSSL by other means: the context, and what connect() does to each connection.
  SSL_CTX* share_context() const;  // the caller owes it one SSL_CTX_free
  void prepare(SSL& ssl, std::string_view host) const;
  // Why a handshake on it failed, in words.
  static std::string error_of(const SSL& ssl, std::string_view otherwise);
  // What the server has said against us (an alert), if this error of OpenSSL's is that; else empty.
  static std::string refusal_of(unsigned long error);

  // Whether what the server chose (protocol_of) is what we speak. A handshake succeeds without: servers that do not
  // know ALPN ignore it.
  bool takes(std::string_view protocol) const { return !http2_ || protocol == "h2"; }
  static constexpr std::string_view not_agreed = "the server did not agree to HTTP/2 (ALPN)";

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  std::expected<void, TlsClientFlaw> load(const TlsClientSpec& spec);
  static int keep_session(SSL* ssl, ssl_session_st* session);

  std::unique_ptr<SSL_CTX, Free> context_;
  std::string server_name_;
  bool verify_ = true;
  bool http2_ = false;
};

}  // namespace drawbridge::net
