#include "proxy/app/tls_checks.h"

#include "proxy/control/tls_clients.h"

#include <fmt/format.h>

namespace drawbridge::app {
namespace {

using Part = net::TlsServerFlaw::Part;

net::TlsVersion version_of(config::TlsVersion version) {
  switch (version) {
    case config::TlsVersion::tls12:
      return net::TlsVersion::tls12;
    case config::TlsVersion::tls13:
      return net::TlsVersion::tls13;
  }
  return net::TlsVersion::tls12;
}

net::ClientCertificates asked_of(config::ClientCertificates asked) {
  switch (asked) {
    case config::ClientCertificates::none:
      return net::ClientCertificates::none;
    case config::ClientCertificates::optional:
      return net::ClientCertificates::optional;
    case config::ClientCertificates::required:
      return net::ClientCertificates::required;
  }
  return net::ClientCertificates::required;
}

std::string_view key_of(Part part) {
  switch (part) {
    case Part::certificate:
      return "certificate";
    case Part::key:
      return "key";
    case Part::ocsp_staple:
      return "ocsp_staple";
    case Part::ciphers:
      return "ciphers";
    case Part::client_ca:
      return "client_ca";
  }
  return "certificate";
}

std::string_view key_of(net::TlsClientFlaw::Part part) {
  switch (part) {
    case net::TlsClientFlaw::Part::ca:
      return "ca";
    case net::TlsClientFlaw::Part::certificate:
      return "certificate";
    case net::TlsClientFlaw::Part::key:
      return "key";
  }
  return "ca";
}

std::string file_of(const net::TlsServerSpec& spec, const net::TlsServerFlaw& flaw) {
  const auto& files = spec.certificates[flaw.index];
  switch (flaw.part) {
    case Part::certificate:
      return files.certificate;
    case Part::key:
      return files.key;
    case Part::ocsp_staple:
      return files.ocsp_staple;
    case Part::ciphers:
      return spec.ciphers;
    case Part::client_ca:
      return spec.client_ca;
  }
  return {};
}

}  // namespace

net::TlsServerSpec tls_spec(const config::Listener& listener) {
  const auto& tls = listener.tls;
  net::TlsServerSpec spec{.min_version = version_of(tls.min_version),
                          .ciphers = tls.ciphers,
                          .http2 = listener.http2,
                          .client_ca = tls.client_ca,
                          .client_certificates = asked_of(tls.client_certificates),
                          .name = listener.address};
  for (const auto& one : tls.certificates) spec.certificates.push_back({one.certificate, one.key, one.ocsp_staple});
  return spec;
}

std::string describe(const net::TlsServerSpec& spec, const net::TlsServerFlaw& flaw) {
  return fmt::format("{} {}", file_of(spec, flaw), flaw.message);
}

config::FileChecks tls_checks() {
  config::FileChecks checks;
  checks.pool = [](const config::PoolTls& tls) -> std::optional<config::TlsFlaw> {
    const auto spec = control::tls_spec(tls);
    const auto made = net::TlsClient::make(spec);
    if (made) return std::nullopt;
    return config::TlsFlaw{.key = key_of(made.error().part), .message = control::describe(spec, made.error())};
  };
  checks.listener = [](const config::ListenerTls& tls) -> std::optional<config::TlsFlaw> {
    const net::TicketKeys keys;
    const auto spec = tls_spec({.address = {}, .tls = tls});
    const auto made = net::TlsServer::make(spec, keys);
    if (made) return std::nullopt;
    const auto& flaw = made.error();
    return config::TlsFlaw{.key = key_of(flaw.part), .index = flaw.index, .message = describe(spec, flaw)};
  };
  return checks;
}

}  // namespace drawbridge::app
