#include "proxy/http/proxy_protocol.h"

#include "proxy/base/ascii.h"

#include <algorithm>

namespace drawbridge::http {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view v1_start = "PROXY ";
constexpr std::string_view v2_start{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t v2_fixed_bytes = 16;

ProxyHeader refused(std::string_view problem) {
  return {.state = State::refused, .bytes = 0, .parties = {}, .problem = problem};
}

std::size_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::size_t two_bytes_at(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

// One word of a version 1 line; the rest begins behind the one space that ends it.
std::string_view take_word(std::string_view& line) {
  const auto space = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, space);
  line.remove_prefix(std::min(space + 1, line.size()));
  return word;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto value = base::parse_decimal(text);
  const bool plain = text.size() == 1 || !text.starts_with('0');
  if (!value || *value > 65'535 || !plain) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

std::optional<IpAddress> parse_address(std::string_view text, std::string_view family) {
  const bool is_v6 = text.find(':') != std::string_view::npos;
  return is_v6 == (family == "TCP6") ? parse_ip(text) : std::nullopt;
}

ProxyHeader read_v1(std::string_view bytes) {
  const auto end = bytes.substr(0, proxy_v1_bytes_max).find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= proxy_v1_bytes_max) return refused("a version 1 line of more than 107 bytes");
    const auto stray = std::min(bytes.find_first_of("\r\n"), bytes.size());
    const bool line_may_end = stray == bytes.size() || (bytes[stray] == '\r' && stray + 1 == bytes.size());
    return line_may_end ? ProxyHeader{} : refused("a bare CR or LF");
  }
  auto line = bytes.substr(v1_start.size(), end - v1_start.size());
  if (line.find_first_of("\r\n") != std::string_view::npos) return refused("a bare CR or LF");
  ProxyHeader header{.state = State::complete, .bytes = end + 2, .parties = {}, .problem = {}};
  const bool ends_with_space = line.ends_with(' ');
  const auto family = take_word(line);
  if (family == "UNKNOWN") return header;  // whatever follows it is to be ignored
  if (family != "TCP4" && family != "TCP6") return refused("a protocol that is not TCP4, TCP6 or UNKNOWN");
  const auto client = parse_address(take_word(line), family);
  const auto local = parse_address(take_word(line), family);
  const auto client_port = parse_port(take_word(line));
  const auto local_port = parse_port(take_word(line));
  if (!client || !local || !client_port || !local_port || !line.empty() || ends_with_space) {
    return refused("not two addresses and two ports");
  }
  header.parties = {.client = {*client, *client_port}, .local = {*local, *local_port}};
  return header;
}

// The addresses are followed by TLVs: a type, two bytes of length, the value. They say nothing we use, but what
// does not add up is no header.
bool are_tlvs(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.size() < 3) return false;
    const auto length = two_bytes_at(bytes, 1);
    if (bytes.size() - 3 < length) return false;
    bytes.remove_prefix(3 + length);
  }
  return true;
}

IpAddress address_in(std::string_view bytes) {
  IpAddress address;
  if (bytes.size() == 4) address.bytes[10] = address.bytes[11] = 0xff;
  std::ranges::transform(bytes, address.bytes.end() - static_cast<std::ptrdiff_t>(bytes.size()),
                         [](char c) { return static_cast<std::uint8_t>(c); });
  return address;
}

ProxyParties parties_in(std::string_view payload, std::size_t address_bytes) {
  const auto port_at = [&](std::size_t at) { return static_cast<std::uint16_t>(two_bytes_at(payload, at)); };
  return {.client = {address_in(payload.substr(0, address_bytes)), port_at(2 * address_bytes)},
          .local = {address_in(payload.substr(address_bytes, address_bytes)), port_at(2 * address_bytes + 2)}};
}

// How a version 2 header of PROXY means its addresses.
struct Family {
  std::size_t code;
  std::size_t address_bytes;  // of one; 0: they are not of IP
  std::size_t all_bytes;      // both addresses and ports
};

constexpr Family families[] = {{0x00, 0, 0}, {0x11, 4, 12}, {0x21, 16, 36}, {0x31, 0, 216}};

ProxyHeader read_v2(std::string_view bytes) {
  if (bytes.size() < v2_fixed_bytes) return {};
  const auto version_and_command = byte_at(bytes, 12);
  if (version_and_command != 0x20 && version_and_command != 0x21)
    return refused("a version or command that is unknown");
  const auto length = two_bytes_at(bytes, 14);
  if (v2_fixed_bytes + length > proxy_v2_bytes_max) return refused("a version 2 header of more than 4096 bytes");
  if (bytes.size() < v2_fixed_bytes + length) return {};
  ProxyHeader header{.state = State::complete, .bytes = v2_fixed_bytes + length, .parties = {}, .problem = {}};
  if (version_and_command == 0x20) return header;  // LOCAL: the rest is to be ignored

  const auto code = byte_at(bytes, 13);
  const auto* family = std::ranges::find(families, code, &Family::code);
  if (family == std::end(families)) return refused("an address family or protocol that is no stream");
  const auto payload = bytes.substr(v2_fixed_bytes, length);
  if (payload.size() < family->all_bytes) return refused("a length too short for its addresses");
  // An unspecified family has no addresses that could be told from TLVs.
  if (code != 0x00 && !are_tlvs(payload.substr(family->all_bytes))) return refused("TLVs that do not add up");
  if (family->address_bytes > 0) header.parties = parties_in(payload, family->address_bytes);
  return header;
}

// Text of an address as one of this family: of IPv4 as one of IPv6, where it must be.
std::string text_of(const IpAddress& address, bool v4) {
  return (address.is_v4() && !v4 ? "::ffff:" : "") + std::string(format_ip(address).view());
}

std::string write_v1(const ProxyParties& parties, bool v4) {
  const auto& [client, local] = parties;
  return std::string(v1_start) + (v4 ? "TCP4 " : "TCP6 ") + text_of(client.ip, v4) + ' ' + text_of(local.ip, v4) +
         ' ' + std::to_string(client.port) + ' ' + std::to_string(local.port) + "\r\n";
}

std::string bytes_of(const IpAddress& address, bool v4) {
  return {address.bytes.begin() + (v4 ? 12 : 0), address.bytes.end()};
}

std::string bytes_of(std::uint16_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

std::string write_v2(const ProxyParties& parties, bool v4) {
  const auto& [client, local] = parties;
  const auto payload =
      bytes_of(client.ip, v4) + bytes_of(local.ip, v4) + bytes_of(client.port) + bytes_of(local.port);
  return std::string(v2_start) + '\x21' + (v4 ? '\x11' : '\x21') +
         bytes_of(static_cast<std::uint16_t>(payload.size())) + payload;
}

bool may_become(std::string_view bytes, std::string_view start) {
  return bytes.substr(0, start.size()) == start.substr(0, bytes.size());
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view bytes) {
  if (!may_become(bytes, v1_start) && !may_become(bytes, v2_start)) return refused("no PROXY header");
  if (bytes.size() < std::min(v1_start.size(), v2_start.size())) return {};
  return bytes.starts_with(v1_start)      ? read_v1(bytes)
         : bytes.size() < v2_start.size() ? ProxyHeader{}
                                          : read_v2(bytes);
}

std::string write_proxy_header(ProxyVersion version, const ProxyParties& parties) {
  const bool v4 = parties.client.ip.is_v4() && parties.local.ip.is_v4();
  switch (version) {
    case ProxyVersion::none:
      return {};
    case ProxyVersion::v1:
      return write_v1(parties, v4);
    case ProxyVersion::v2:
      return write_v2(parties, v4);
  }
  return {};
}

std::string write_proxy_header(ProxyVersion version) {
  switch (version) {
    case ProxyVersion::none:
      return {};
    case ProxyVersion::v1:
      return std::string(v1_start) + "UNKNOWN\r\n";
    case ProxyVersion::v2:
      return std::string(v2_start) + std::string("\x20\0\0\0", 4);
  }
  return {};
}

}  // namespace drawbridge::http
