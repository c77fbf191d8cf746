#include "config/values.h"
#include "proxy/base/ascii.h"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>

namespace drawbridge::config {
namespace {

std::unexpected<Flaw> flaw(std::string message, std::string suggestion = {}) {
  return std::unexpected(Flaw{std::move(message), std::move(suggestion)});
}

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += base::to_lower(c);
  return out;
}

struct Ip {
  std::array<unsigned char, 16> bytes{};
  int family = AF_INET;
  std::uint64_t bits() const { return family == AF_INET ? 32 : 128; }
};

bool parse_ip(const std::string& text, int family, Ip& ip) {
  ip.family = family;
  return inet_pton(family, text.c_str(), ip.bytes.data()) == 1;
}

bool is_ipv4(std::string_view text) {
  Ip ip;
  return parse_ip(std::string(text), AF_INET, ip);
}

bool is_ipv6(std::string_view text) {
  Ip ip;
  return parse_ip(std::string(text), AF_INET6, ip);
}

bool is_label(std::string_view label) {
  const auto fits = [](char c) { return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_'; };
  return !label.empty() && label.size() <= 63 && std::ranges::all_of(label, fits) && label.front() != '-' &&
         label.back() != '-';
}

// RFC 1123 names, with '_' as it occurs inside of clusters. Only digits and dots is a mistyped address, not a name.
bool is_host_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return false;
  if (std::ranges::all_of(name, [](char c) { return base::is_digit(c) || c == '.'; })) return false;
  while (true) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

struct HostPort {
  std::string_view host;  // without brackets
  std::string_view port;  // empty if there is none
  bool bracketed = false;
};

// Splits at the last colon outside of brackets; a text with several colons and no brackets stays whole.
HostPort split_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return {.host = text, .port = {}, .bracketed = false};
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return {.host = text, .port = {}, .bracketed = false};
    return {.host = text.substr(1, close - 1), .port = rest.empty() ? rest : rest.substr(1), .bracketed = true};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(':') != colon)
    return {.host = text, .port = {}, .bracketed = false};
  return {.host = text.substr(0, colon), .port = text.substr(colon + 1), .bracketed = false};
}

// "http://host:80/path" is what people paste from a browser.
std::string_view without_scheme(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return text;
  const auto rest = text.substr(scheme + 3);
  return rest.substr(0, rest.find('/'));
}

Checked<std::string> bad_port(std::string_view text, std::string_view port, AddressUse use) {
  const auto first = use == AddressUse::listen ? 0 : 1;
  return flaw(fmt::format("'{}' in '{}' is not a port; ports go from {} to 65535", port, text, first));
}

std::string default_port(std::string_view host, AddressUse use) {
  const auto port = use == AddressUse::listen ? "8080" : "80";
  return is_ipv6(host) ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Checked<std::string> missing_port(std::string_view text, const HostPort& parts, AddressUse use) {
  if (is_ipv6(parts.host)) {
    return flaw(fmt::format("'{}' has no port; IPv6 addresses stand in brackets", text),
                default_port(parts.host, use));
  }
  const auto port = base::parse_decimal(text);
  if (port && *port <= 65'535) {
    const auto host = use == AddressUse::listen ? "0.0.0.0" : "127.0.0.1";
    return flaw(fmt::format("'{}' has no host; an address is HOST:PORT", text), fmt::format("{}:{}", host, text));
  }
  const bool plausible = is_ipv4(text) || (use == AddressUse::connect && is_host_name(text));
  return flaw(fmt::format("'{}' has no port; an address is HOST:PORT", text),
              plausible ? default_port(text, use) : std::string());
}

Checked<std::string> bad_listen_host(std::string_view text, const HostPort& parts) {
  const bool any = parts.host.empty() || parts.host == "*";
  std::string suggestion;
  if (any) suggestion = fmt::format("0.0.0.0:{}", parts.port);
  if (parts.host == "localhost") suggestion = fmt::format("127.0.0.1:{}", parts.port);
  return flaw(fmt::format("'{}' is not an address to listen on; write an IP address and a port", text), suggestion);
}

// The network with the bits behind its prefix cleared, as text.
std::string masked(Ip ip, std::uint64_t prefix) {
  for (std::uint64_t bit = prefix; bit < ip.bits(); ++bit) {
    ip.bytes[bit / 8] = static_cast<unsigned char>(ip.bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(ip.family, ip.bytes.data(), text.data(), text.size());
  return fmt::format("{}/{}", text.data(), prefix);
}

bool has_bits_after(Ip ip, std::uint64_t prefix) {
  for (std::uint64_t bit = prefix; bit < ip.bits(); ++bit) {
    if ((ip.bytes[bit / 8] & (0x80U >> (bit % 8))) != 0) return true;
  }
  return false;
}

}  // namespace

Checked<std::string> parse_address(std::string_view text, AddressUse use) {
  const auto bare = without_scheme(text);
  if (bare != text) {
    return flaw(fmt::format("'{}' is a URL; an address is HOST:PORT", text),
                parse_address(bare, use) ? std::string(bare) : std::string());
  }
  const auto parts = split_port(text);
  if (parts.port.empty()) return missing_port(text, parts, use);
  const auto port = base::parse_decimal(parts.port);
  const std::uint64_t port_min = use == AddressUse::listen ? 0 : 1;
  if (!port || *port < port_min || *port > 65'535) return bad_port(text, parts.port, use);
  if (parts.bracketed) {
    if (!is_ipv6(parts.host)) return flaw(fmt::format("'{}' is not an IPv6 address", parts.host));
    return fmt::format("[{}]:{}", lower(parts.host), *port);
  }
  if (is_ipv4(parts.host)) return fmt::format("{}:{}", parts.host, *port);
  if (use == AddressUse::listen) return bad_listen_host(text, parts);
  if (!is_host_name(parts.host))
    return flaw(fmt::format("'{}' is neither an IP address nor a host name", parts.host));
  return fmt::format("{}:{}", lower(parts.host), *port);
}

Checked<std::string> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const std::string host(text.substr(0, slash));
  Ip ip;
  if (!parse_ip(host, AF_INET, ip) && !parse_ip(host, AF_INET6, ip)) {
    return flaw(fmt::format("'{}' is not a network; write an address or a CIDR such as 10.0.0.0/8", text));
  }
  if (slash == std::string_view::npos) return fmt::format("{}/{}", host, ip.bits());
  const auto prefix = base::parse_decimal(text.substr(slash + 1));
  if (!prefix || *prefix > ip.bits()) {
    return flaw(fmt::format("'{}' is not a network: the prefix goes from 0 to {}", text, ip.bits()));
  }
  if (!has_bits_after(ip, *prefix)) return std::string(text);
  return flaw(fmt::format("'{}' names an address inside of a network, not the network", text), masked(ip, *prefix));
}

Checked<std::string> parse_host_pattern(std::string_view text) {
  const auto bare = without_scheme(text);
  if (bare != text) return flaw(fmt::format("'{}' is a URL; write the host name alone", text), lower(bare));
  const auto parts = split_port(text);
  if (!parts.port.empty() && !parts.bracketed && !parts.host.empty()) {
    return flaw(fmt::format("'{}' has a port; a site answers for its hosts on every listener", text),
                lower(parts.host));
  }
  if (parts.bracketed && parts.port.empty() && is_ipv6(parts.host)) return lower(text);
  auto name = text;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (is_ipv4(name) || is_host_name(name)) return lower(name);
  if (name.starts_with("*.") && is_host_name(name.substr(2))) return lower(name);
  if (name.starts_with('.') && is_host_name(name.substr(1))) {
    return flaw(fmt::format("'{}' is not a host", text), fmt::format("*{}", lower(name)));
  }
  if (name == "*") return flaw("'*' is not a host; leave 'hosts' out for any host");
  if (name.contains('*'))
    return flaw(fmt::format("'{}' is not a host: '*' stands only in front, as in *.example.com", text));
  return flaw(fmt::format("'{}' is not a host name", text));
}

Checked<std::string> parse_host(std::string_view text) {
  const auto parts = split_port(text);
  const bool port_ok = parts.port.empty() || base::parse_decimal(parts.port).value_or(65'536) <= 65'535;
  const bool host_ok = parts.bracketed ? is_ipv6(parts.host) : is_ipv4(parts.host) || is_host_name(parts.host);
  if (port_ok && host_ok) return std::string(text);
  return flaw(fmt::format("'{}' is not a host name", text));
}

}  // namespace drawbridge::config
