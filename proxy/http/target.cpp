#include "proxy/http/target.h"

#include "proxy/base/ascii.h"
#include "proxy/http/chars.h"
#include "proxy/http/forwarded.h"

#include <cstddef>

namespace drawbridge::http {
namespace {

constexpr std::size_t method_bytes_max = 64;
constexpr std::size_t host_bytes_max = 255;
constexpr std::size_t port_digits_max = 5;
constexpr std::uint64_t port_max = 65'535;

#if defined(__SSE2__)
// All of sixteen bytes may stand in a path, and so in a query.
bool are_path_bytes(const char* at) {
  const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  auto refused =
      _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8('!')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
  for (const char c : {'"', '#', '<', '>', '?', '\\', '`', '{', '}'}) {
    refused = _mm_or_si128(refused, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
  }
  return _mm_movemask_epi8(refused) == 0;
}
#else
bool are_path_bytes(const char*) {
  return false;
}
#endif

// Of long ones sixteen bytes at a time.
std::size_t span_of_target(std::string_view text, CharClass part) {
  std::size_t n = 0;
  while (text.size() - n >= 16 && are_path_bytes(text.data() + n)) n += 16;
  while (n < text.size() && is(text[n], part)) ++n;
  return n;
}

std::size_t span_of(std::string_view text, unsigned classes) {
  std::size_t n = 0;
  while (n < text.size() && is(text[n], classes)) ++n;
  return n;
}

bool is_port(std::string_view text) {
  if (text.empty()) return true;
  const auto value = base::parse_decimal(text);
  return text.size() <= port_digits_max && value.has_value() && *value <= port_max;
}

bool is_ipv6_literal(std::string_view host) {
  if (host.size() < 4 || host.back() != ']' || !host.contains(':')) return false;
  return parse_ip(host.substr(1, host.size() - 2)).has_value();
}

// path [ "?" query ]; the fragment's '#' and everything else outside the two classes is refused.
std::optional<Rule> parse_path(std::string_view text, RequestLine& out) {
  const auto n = span_of_target(text, path_char);
  out.path = text.substr(0, n);
  if (n == text.size()) return std::nullopt;
  if (text[n] != '?') return Rule::target_byte;
  out.has_query = true;
  out.query = text.substr(n + 1);
  if (span_of_target(out.query, query_char) != out.query.size()) return Rule::target_byte;
  return std::nullopt;
}

std::optional<Rule> parse_absolute_form(std::string_view target, RequestLine& out) {
  const auto colon = target.find("://");
  if (colon == std::string_view::npos || !base::is_alpha(target.front())) return Rule::target_form;
  const auto scheme = target.substr(0, colon);
  if (!base::iequals(scheme, "http") && !base::iequals(scheme, "https")) return Rule::target_scheme;
  const auto rest = target.substr(colon + 3);
  const auto end = rest.find_first_of("/?");
  out.authority = rest.substr(0, end);
  if (out.authority.contains('@')) return Rule::target_userinfo;
  const auto authority = parse_authority(out.authority);
  if (!authority) return Rule::host_malformed;
  out.absolute_form = true;
  out.host = authority->host;
  out.port = authority->port;
  if (end != std::string_view::npos) {
    if (const auto broken = parse_path(rest.substr(end), out)) return broken;
  }
  // RFC 9112 section 3.2.4: OPTIONS for the server as a whole is written "*" by the last proxy.
  if (out.path.empty()) out.path = out.method == Method::options && !out.has_query ? "*" : "/";
  return std::nullopt;
}

std::optional<Rule> parse_target(RequestLine& out) {
  if (out.target.front() == '/' || out.target == "*") return parse_origin_form(out);
  return parse_absolute_form(out.target, out);
}

std::optional<Rule> parse_version(std::string_view text, RequestLine& out) {
  if (text == "HTTP/1.1") {
    out.minor_version = 1;
    return std::nullopt;
  }
  if (text == "HTTP/1.0") {
    out.minor_version = 0;
    return std::nullopt;
  }
  const bool is_version = text.size() == 8 && text.starts_with("HTTP/") && base::is_digit(text[5]) &&
                          text[6] == '.' && base::is_digit(text[7]);
  return is_version ? Rule::version_unsupported : Rule::version_syntax;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  if (text.empty() || text.size() > host_bytes_max + 1 + port_digits_max) return std::nullopt;
  const bool is_literal = text.front() == '[';
  const auto host_end = is_literal ? text.find(']') + 1 : span_of(text, host_char);
  if (host_end == 0 || host_end > host_bytes_max) return std::nullopt;
  const Authority authority{.host = text.substr(0, host_end),
                            .port = host_end < text.size() ? text.substr(host_end + 1) : std::string_view{}};
  if (host_end < text.size() && text[host_end] != ':') return std::nullopt;
  if (is_literal && !is_ipv6_literal(authority.host)) return std::nullopt;
  if (!is_port(authority.port)) return std::nullopt;
  return authority;
}

bool same_authority(const Authority& a, const Authority& b, std::string_view scheme) {
  const auto default_port = base::iequals(scheme, "https") ? 443U : 80U;
  const auto port_of = [&](const Authority& authority) {
    return base::parse_decimal(authority.port).value_or(default_port);
  };
  return base::iequals(a.host, b.host) && port_of(a) == port_of(b);
}

std::optional<Rule> judge_method(RequestLine& out) {
  if (!is_token(out.method_text)) return Rule::method;
  if (out.method_text.size() > method_bytes_max) return Rule::method_too_long;
  out.method = method_of(out.method_text);
  const bool refused = out.method == Method::connect || out.method == Method::trace;
  return refused ? std::optional(Rule::method_refused) : std::nullopt;
}

std::optional<Rule> parse_origin_form(RequestLine& out) {
  if (out.target.starts_with('/')) return parse_path(out.target, out);
  if (out.target != "*" || out.method != Method::options) return Rule::target_form;
  out.path = out.target;
  return std::nullopt;
}

std::optional<Rule> parse_request_line(std::string_view line, RequestLine& out) {
  out = {};
  const auto method_end = span_of(line, token_char);
  if (method_end == 0 || method_end == line.size()) return method_end == 0 ? Rule::method : Rule::request_line;
  if (line[method_end] != ' ') return Rule::method;
  out.method_text = line.substr(0, method_end);
  const auto refused = judge_method(out);
  if (refused == Rule::method_too_long) return refused;
  const auto rest = line.substr(method_end + 1);
  const auto target_end = rest.find(' ');
  if (target_end == 0 || target_end == std::string_view::npos) return Rule::request_line;
  out.target = rest.substr(0, target_end);
  const auto version = rest.substr(target_end + 1);
  if (version.empty() || version.contains(' ')) return Rule::request_line;
  if (const auto broken = parse_version(version, out)) return broken;
  return refused ? refused : parse_target(out);
}

}  // namespace drawbridge::http
