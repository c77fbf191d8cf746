#include "proxy/control/tls_clients.h"

#include <fmt/format.h>

#include <utility>

namespace drawbridge::control {
namespace {

std::vector<net::FileStamp> stamps_of(const net::TlsClientSpec& spec) {
  return {net::stamp_of(spec.ca), net::stamp_of(spec.certificate), net::stamp_of(spec.key)};
}

const std::string& file_of(const net::TlsClientSpec& spec, net::TlsClientFlaw::Part part) {
  switch (part) {
    case net::TlsClientFlaw::Part::ca:
      return spec.ca;
    case net::TlsClientFlaw::Part::certificate:
      return spec.certificate;
    case net::TlsClientFlaw::Part::key:
      return spec.key;
  }
  return spec.ca;
}

}  // namespace

net::TlsClientSpec tls_spec(const config::PoolTls& tls) {
  const bool newest = tls.min_version == config::TlsVersion::tls13;
  return {.verify = tls.verify,
          .ca = tls.ca,
          .server_name = tls.server_name,
          .certificate = tls.certificate,
          .key = tls.key,
          .min_version = newest ? net::TlsVersion::tls13 : net::TlsVersion::tls12,
          .http2 = false};
}

std::string describe(const net::TlsClientSpec& spec, const net::TlsClientFlaw& flaw) {
  return fmt::format("{} {}", file_of(spec, flaw.part), flaw.message);
}

base::Expected<std::shared_ptr<const net::TlsClient>> TlsClients::of(const config::Pool& pool) {
  if (!pool.tls.on) {
    kept_.erase(pool.name);
    return nullptr;
  }
  auto spec = tls_spec(pool.tls);
  spec.http2 = pool.protocol == config::PoolProtocol::h2;
  auto files = stamps_of(spec);
  auto& kept = kept_[pool.name];
  if (kept.client && kept.spec == spec && kept.files == files) return kept.client;
  auto made = net::TlsClient::make(spec);
  if (made) {
    kept = {.spec = std::move(spec), .files = std::move(files), .client = std::move(*made)};
    return kept.client;
  }
  // Files that broke since they were last read must not stand in the way of a change of mode.
  if (kept.client && kept.spec == spec) return kept.client;
  return std::unexpected(base::Error{fmt::format("pool {}: {}", pool.name, describe(spec, made.error()))});
}

}  // namespace drawbridge::control
