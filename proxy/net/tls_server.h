#pragma once

#include "proxy/net/ticket_keys.h"
#include "proxy/net/tls.h"
#include "proxy/net/tls_certificate.h"
#include "proxy/net/tls_settings.h"

#include <openssl/types.h>

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace drawbridge::net {

enum class ClientCertificates : std::uint8_t {
  none,      // not asked for
  optional,  // asked for; one that does not verify ends the handshake, none at all is fine
  required,
};

// What one listener offers.
struct TlsServerSpec {
  std::vector<CertificateFiles> certificates;  // the first is the default
  TlsVersion min_version = TlsVersion::tls12;
  std::string ciphers;    // of TLS 1.2, as OpenSSL lists them; empty: ours
  bool http2 = false;     // offer h2 before http/1.1
  std::string client_ca;  // PEM file; whose certificates clients may show
  ClientCertificates client_certificates = ClientCertificates::none;
  std::string name;  // of the listener: sessions of one are not resumed at another

  bool operator==(const TlsServerSpec&) const = default;
};

// What is wrong, with which part of the spec.
struct TlsServerFlaw {
  enum class Part : std::uint8_t { certificate, key, ocsp_staple, ciphers, client_ca };
  Part part = Part::certificate;
  std::size_t index = 0;  // in `certificates`, where one of them is meant
  std::string message;    // follows the name of the file
};

// The TLS of one listener at one moment: its certificates as they were read, chosen by the name that a client asks
// for (SNI): a certificate for exactly this name, one with a wildcard for it, else the first. Certificates of
// different kinds of keys stand side by side under a name; the client's algorithms choose. Immutable; any thread.
class TlsServer final {
 public:
  // `keys` outlives it.
  static std::expected<std::shared_ptr<const TlsServer>, TlsServerFlaw> make(const TlsServerSpec& spec,
                                                                             const TicketKeys& keys);

  // The server's side of a new connection. `self` is this: it lives as long as the connection.
  static TlsSession accept(const std::shared_ptr<const TlsServer>& self);

  const std::vector<Certificate>& certificates() const { return certificates_; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  using Context = std::unique_ptr<SSL_CTX, Free>;
  using Members = std::vector<std::size_t>;  // certificates that stand under one name, one of a kind

  explicit TlsServer(const TicketKeys& keys) : keys_(keys) {}

  std::expected<void, TlsServerFlaw> load(const TlsServerSpec& spec);
  std::expected<void, TlsServerFlaw> arrange(const TlsServerSpec& spec);
  std::expected<Context, TlsServerFlaw> make_context(const TlsServerSpec& spec, const Members& members) const;
  std::expected<void, TlsServerFlaw> ask_for_certificates(SSL_CTX& context, const TlsServerSpec& spec) const;
  SSL_CTX* choose(std::string_view name) const;

  friend struct TlsServerCalls;  // they look at what is below

  const TicketKeys& keys_;
  std::vector<Certificate> certificates_;
  std::vector<Context> contexts_;                      // the default first
  std::unordered_map<std::string, SSL_CTX*> by_name_;  // "*.example.com" for a wildcard
  std::string protocols_;                              // ALPN, as on the wire
  std::string session_context_;
};

}  // namespace drawbridge::net
