#include "proxy/core/speech.h"

namespace drawbridge::core {

std::string speech(const PoolView& pool) {
  if (pool.protocol == UpstreamProtocol::h2c) return "h2c";
  if (pool.protocol == UpstreamProtocol::h2) return "h2";
  std::string text = "http1";
  if (pool.tls) text += ", TLS";
  if (pool.send_proxy == http::ProxyVersion::v1) text += ", PROXY v1";
  if (pool.send_proxy == http::ProxyVersion::v2) text += ", PROXY v2";
  return text;
}

}  // namespace drawbridge::core
