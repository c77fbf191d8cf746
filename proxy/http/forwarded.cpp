#include "proxy/http/forwarded.h"

#include "proxy/base/ascii.h"
#include "proxy/http/target.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <ranges>
#include <utility>

namespace drawbridge::http {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned mapped_prefix_bits = 96;
constexpr std::size_t forwarded_entries_max = 64;  // walked from the right; a longer chain is nobody's

bool parse_v4(std::string_view text, std::uint8_t* out) {
  for (int part = 0; part < 4; ++part) {
    const auto dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return false;
    const auto digits = text.substr(0, dot);
    const auto value = base::parse_decimal(digits);
    // A leading zero means octal to some readers.
    if (!value || *value > 255 || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return false;
    *out++ = static_cast<std::uint8_t>(*value);
    if (part < 3) text.remove_prefix(dot + 1);
  }
  return true;
}

// One side of "::", or the whole if there is none: groups of hexadecimal digits, the last may be an IPv4 address.
// The number of bytes written to `out` (room for 16), or nullopt.
std::optional<std::size_t> parse_groups(std::string_view text, std::uint8_t* out) {
  std::size_t n = 0;
  if (text.empty()) return n;
  while (true) {
    const auto colon = text.find(':');
    const auto group = text.substr(0, colon);
    if (colon == std::string_view::npos && group.contains('.')) {
      if (n > 12 || !parse_v4(group, out + n)) return std::nullopt;
      return n + 4;
    }
    if (n > 14 || group.empty() || group.size() > 4) return std::nullopt;
    unsigned value = 0;
    for (const char c : group) {
      const int digit = base::hex_value(c);
      if (digit < 0) return std::nullopt;
      value = value * 16 + static_cast<unsigned>(digit);
    }
    out[n++] = static_cast<std::uint8_t>(value >> 8);
    out[n++] = static_cast<std::uint8_t>(value & 255);
    if (colon == std::string_view::npos) return n;
    text.remove_prefix(colon + 1);
  }
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  IpAddress address;
  const auto gap = text.find("::");
  const auto head = parse_groups(text.substr(0, gap), address.bytes.data());
  if (!head) return std::nullopt;
  if (gap == std::string_view::npos) return *head == 16 ? std::optional(address) : std::nullopt;
  // An IPv4 part stands only at the very end, not before "::".
  if (text.substr(0, gap).contains('.')) return std::nullopt;
  std::array<std::uint8_t, 16> tail_bytes{};
  const auto tail = parse_groups(text.substr(gap + 2), tail_bytes.data());
  if (!tail || *head + *tail > 14) return std::nullopt;
  std::copy_n(tail_bytes.begin(), *tail, address.bytes.end() - static_cast<std::ptrdiff_t>(*tail));
  return address;
}

unsigned group_of(const IpAddress& address, std::size_t i) {
  return static_cast<unsigned>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);
}

// The first longest run of at least two zero groups, as [begin, end).
std::pair<std::size_t, std::size_t> longest_zero_run(const IpAddress& address) {
  std::pair<std::size_t, std::size_t> best{8, 8};
  for (std::size_t begin = 0; begin < 8;) {
    std::size_t end = begin;
    while (end < 8 && group_of(address, end) == 0) ++end;
    if (end - begin >= 2 && end - begin > best.second - best.first) best = {begin, end};
    begin = end + 1;
  }
  return best;
}

void append(IpText& out, std::string_view text) {
  std::copy(text.begin(), text.end(), out.text.begin() + static_cast<std::ptrdiff_t>(out.length));
  out.length += text.size();
}

void append_number(IpText& out, unsigned value, int base) {
  auto* begin = out.text.data() + out.length;
  const auto [end, error] = std::to_chars(begin, out.text.data() + out.text.size(), value, base);
  out.length += static_cast<std::size_t>(end - begin);
}

// The elements of all X-Forwarded-For lines from the last to the first.
template <typename Visit>
void walk_from_right(const HeaderList& headers, Visit visit) {
  for (const auto& line : std::ranges::reverse_view(headers.all())) {
    if (line.field != Field::x_forwarded_for) continue;
    auto list = line.value;
    while (true) {
      const auto comma = list.rfind(',');
      const auto begin = comma == std::string_view::npos ? 0 : comma + 1;
      if (!visit(base::trim(list.substr(begin)))) return;
      if (comma == std::string_view::npos) break;
      list = list.substr(0, comma);
    }
  }
}

// The last element of the last line: what the nearest proxy said.
std::string_view last_element(const HeaderList& headers, Field field) {
  std::string_view found;
  for (const auto& header : headers.all()) {
    if (header.field == field) found = header.value;
  }
  const auto comma = found.rfind(',');
  return base::trim(comma == std::string_view::npos ? found : found.substr(comma + 1));
}

}  // namespace

bool IpAddress::is_v4() const {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes.begin());
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.contains(':')) return parse_v6(text);
  IpAddress address;
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), address.bytes.begin());
  return parse_v4(text, address.bytes.data() + mapped_prefix.size()) ? std::optional(address) : std::nullopt;
}

std::optional<IpAddress> parse_ip_and_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !text.substr(0, close).contains(':')) return std::nullopt;
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && (rest[0] != ':' || !base::parse_decimal(rest.substr(1)))) return std::nullopt;
    return parse_ip(text.substr(1, close - 1));
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) return parse_ip(text);
  return base::parse_decimal(text.substr(colon + 1)) ? parse_ip(text.substr(0, colon)) : std::nullopt;
}

IpText format_ip(const IpAddress& address) {
  IpText out;
  if (address.is_v4()) {
    for (std::size_t i = 12; i < 16; ++i) {
      if (i > 12) append(out, ".");
      append_number(out, address.bytes[i], 10);
    }
    return out;
  }
  const auto [gap_begin, gap_end] = longest_zero_run(address);
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == gap_begin) append(out, "::");
    if (i >= gap_begin && i < gap_end) continue;
    if (i > 0 && i != gap_end) append(out, ":");
    append_number(out, group_of(address, i), 16);
  }
  return out;
}

bool IpNet::contains(const IpAddress& other) const {
  const auto whole = prefix_bits / 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, other.bytes.begin())) return false;
  if (prefix_bits % 8 == 0) return true;
  const auto shift = 8 - prefix_bits % 8;
  return address.bytes[whole] >> shift == other.bytes[whole] >> shift;
}

std::optional<IpNet> parse_net(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return IpNet{.address = *address};
  const bool is_v4 = !text.contains(':');
  const auto bits = base::parse_decimal(text.substr(slash + 1));
  if (!bits || *bits > (is_v4 ? 32U : 128U)) return std::nullopt;
  const IpNet net{.address = *address,
                  .prefix_bits = static_cast<unsigned>(*bits) + (is_v4 ? mapped_prefix_bits : 0)};
  for (unsigned bit = net.prefix_bits; bit < 128; ++bit) {
    if ((net.address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return net;
}

bool TrustedNets::contains(const IpAddress& address) const {
  return std::ranges::any_of(nets_, [&](const IpNet& net) { return net.contains(address); });
}

EffectiveClient effective_client(const IpAddress& connection, std::string_view connection_scheme,
                                 const RequestHead& head, const TrustedNets& trusted) {
  EffectiveClient client{.address = connection, .scheme = connection_scheme, .host = head.authority};
  client.trusted = !trusted.empty() && trusted.contains(connection);
  if (!client.trusted) return client;

  std::size_t entries = 0;
  walk_from_right(head.headers, [&](std::string_view entry) {
    const auto address = parse_ip_and_port(entry);
    if (!address || ++entries > forwarded_entries_max) return false;
    client.address = *address;
    return trusted.contains(*address);
  });
  const auto scheme = last_element(head.headers, Field::x_forwarded_proto);
  if (base::iequals(scheme, "https")) client.scheme = "https";
  if (base::iequals(scheme, "http")) client.scheme = "http";
  const auto host = last_element(head.headers, Field::x_forwarded_host);
  if (parse_authority(host)) client.host = host;
  return client;
}

bool is_well_formed_request_id(std::string_view id) {
  if (id.size() < 8 || id.size() > 128) return false;
  return std::ranges::all_of(id, [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || std::string_view("-_.:=+/@").contains(c);
  });
}

}  // namespace drawbridge::http
