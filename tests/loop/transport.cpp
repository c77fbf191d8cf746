#include "tests/loop/transport.h"

#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace drawbridge::tests {

Transport transport_of_this_run() {
  const auto* said = std::getenv("DRAWBRIDGE_TEST_TRANSPORT");
  const std::string_view name = said == nullptr ? "h1" : said;
  if (name == "h1") return {};
  if (name == "h1-tls") return {.tls = true};
  if (name == "h2-tls") return {.tls = true, .http2 = true};
  if (name == "h2c") return {.http2 = true};
  throw std::runtime_error("DRAWBRIDGE_TEST_TRANSPORT names no transport");
}

const Certified& certified() {
  static TlsFiles files;
  static const Certified made{.server = files.issue("server", "DNS:a"), .authority = files.authority("ca")};
  return made;
}

std::shared_ptr<const net::TlsServer> tls_of_this_run() {
  static net::TicketKeys keys;
  if (!transport_of_this_run().tls) return nullptr;
  const auto made = net::TlsServer::make({.certificates = {certified().server}, .http2 = true}, keys);
  if (!made) throw std::runtime_error(made.error().message);
  return *made;
}

}  // namespace drawbridge::tests
