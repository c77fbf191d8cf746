#include "proxy/http/framing.h"

#include "proxy/base/ascii.h"
#include "proxy/http/chars.h"
#include "proxy/http/target.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace drawbridge::http {
namespace {

// More options than any client sends; a bound, because each is looked for among all field lines.
constexpr std::size_t connection_options_max = 32;

// Calls visit(element) for each element of a comma-separated list, empty ones left out (RFC 9110 section 5.6.1),
// until it returns false. False if it did.
template <typename Visit>
bool for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto element = base::trim(list.substr(0, comma));
    if (!element.empty() && !visit(element)) return false;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return true;
}

// Content-Length and Transfer-Encoding as received.
struct Framing {
  bool has_length = false;
  std::uint64_t length = 0;
  bool chunked = false;
};

std::optional<Rule> judge_coding(std::string_view value) {
  if (base::iequals(value, "chunked")) return std::nullopt;
  const auto comma = value.rfind(',');
  const auto last = base::trim(comma == std::string_view::npos ? value : value.substr(comma + 1));
  if (comma == std::string_view::npos || !base::iequals(last, "chunked")) return Rule::coding_not_chunked;
  std::size_t times = 0;
  for_each_element(value, [&](std::string_view coding) {
    if (base::iequals(coding, "chunked")) ++times;
    return true;
  });
  return times > 1 ? Rule::coding_repeated : Rule::coding_unknown;
}

std::optional<Rule> judge_framing(const HeaderList& headers, std::uint8_t minor_version, Framing& out) {
  if (!headers.has(Field::content_length) && !headers.has(Field::transfer_encoding)) return std::nullopt;
  std::string_view coding;
  std::size_t lengths = 0, codings = 0;
  for (const auto& header : headers.all()) {
    if (header.field == Field::transfer_encoding) {
      coding = header.value;
      ++codings;
    } else if (header.field == Field::content_length) {
      const auto length = base::parse_decimal(header.value);
      if (!length) return Rule::length_malformed;
      out.length = *length;
      ++lengths;
    }
  }
  if (lengths > 1) return Rule::length_repeated;
  if (codings > 1) return Rule::coding_repeated;
  out.has_length = lengths == 1;
  out.chunked = codings == 1;
  if (!out.chunked) return std::nullopt;
  if (minor_version == 0) return Rule::coding_in_http_1_0;
  if (out.has_length) return Rule::coding_with_length;
  return judge_coding(coding);
}

struct Connection {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool malformed = false;
};

void mark_nominated(std::string_view option, HeaderList& headers) {
  for (auto& header : headers.all()) {
    if (base::iequals(header.name, option) && !is_managed(header.field)) header.hop_by_hop = true;
  }
}

// Reads all Connection lines and marks the fields they name. What the proxy writes by itself cannot be taken away.
Connection read_connection(HeaderList& headers) {
  Connection connection;
  if (!headers.has(Field::connection)) return connection;
  std::size_t options = 0;
  const auto read = [&](std::string_view option) {
    if (base::iequals(option, "close")) {
      connection.close = true;
    } else if (base::iequals(option, "keep-alive")) {
      connection.keep_alive = true;
    } else if (base::iequals(option, "upgrade")) {
      connection.upgrade = true;
    } else if (++options > connection_options_max || !is_token(option)) {
      connection.malformed = true;
    } else {
      mark_nominated(option, headers);
    }
    return !connection.malformed;
  };
  for (const auto& header : headers.all()) {
    if (header.field == Field::connection && !for_each_element(header.value, read)) break;
  }
  return connection;
}

bool keeps_alive(const Connection& connection, std::uint8_t minor_version) {
  return !connection.close && !connection.malformed && (minor_version == 1 || connection.keep_alive);
}

// protocol-name ["/" protocol-version] of RFC 9110 section 7.8, and one that may become a tunnel: HTTP/2 over
// cleartext and TLS would carry messages past us unjudged.
bool is_tunnel_protocol(std::string_view protocol) {
  const auto slash = protocol.find('/');
  const auto name = protocol.substr(0, slash);
  if (!is_token(name) || (slash != std::string_view::npos && !is_token(protocol.substr(slash + 1)))) return false;
  for (const std::string_view refused : {"h2c", "h2", "h3", "http", "tls"}) {
    if (base::iequals(name, refused)) return false;
  }
  return true;
}

std::string_view first_protocol(std::string_view list) {
  std::string_view found;
  for_each_element(list, [&](std::string_view protocol) {
    if (is_tunnel_protocol(protocol)) found = protocol;
    return found.empty();
  });
  return found;
}

std::optional<Rule> judge_host(RequestHead& head) {
  const Header* host = head.headers.find(Field::host);
  if (host == nullptr) return head.minor_version == 1 ? std::optional(Rule::host_missing) : std::nullopt;
  for (const auto& header : head.headers.all()) {
    if (header.field == Field::host && &header != host) return Rule::host_repeated;
  }
  const auto authority = parse_authority(host->value);
  if (!authority) return Rule::host_malformed;
  const auto scheme = head.target.substr(0, head.target.find(':'));
  if (head.absolute_form && !same_authority(*authority, {head.host, head.port}, scheme))
    return Rule::target_authority;
  head.authority = host->value;
  head.host = authority->host;
  head.port = authority->port;
  return std::nullopt;
}

// HTTP/1.0 clients cannot expect, and without a body there is nothing to wait for (RFC 9110 section 10.1.1).
std::optional<Rule> judge_expectation(RequestHead& head) {
  head.expects_continue = false;
  if (!head.headers.has(Field::expect) || head.minor_version == 0) return std::nullopt;
  bool expects = false;
  const auto is_continue = [&](std::string_view element) {
    expects = base::iequals(element, "100-continue");
    return expects;
  };
  for (const auto& header : head.headers.all()) {
    if (header.field == Field::expect && !for_each_element(header.value, is_continue)) return Rule::expectation;
  }
  head.expects_continue = expects && (head.body.kind == Body::Kind::chunked || head.body.bytes > 0);
  return std::nullopt;
}

// RFC 9110 section 7.6.2: a request for options goes no further than its client wants. What is no number is passed
// on.
std::optional<std::uint32_t> read_max_forwards(const RequestHead& head) {
  if (head.method != Method::options || !head.headers.has(Field::max_forwards)) return std::nullopt;
  const auto value = base::parse_decimal(head.headers.value(Field::max_forwards));
  if (!value) return std::nullopt;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(*value, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

std::optional<Rule> judge_request(RequestHead& head) {
  if (const auto broken = judge_host(head)) return broken;
  return judge_request_fields(head, {});
}

std::optional<Rule> judge_request_fields(RequestHead& head, const Body& without_length) {
  Framing framing;
  if (const auto broken = judge_framing(head.headers, head.minor_version, framing)) return broken;
  head.body = without_length;
  if (framing.chunked) head.body = {.kind = Body::Kind::chunked};
  if (framing.has_length) head.body = {.kind = Body::Kind::sized, .bytes = framing.length};
  if (const auto broken = judge_expectation(head)) return broken;

  head.max_forwards = read_max_forwards(head);

  const auto connection = read_connection(head.headers);
  if (connection.malformed) return Rule::connection_malformed;
  head.keep_alive = keeps_alive(connection, head.minor_version);
  // A request with a body cannot turn into a tunnel before the body has ended: it stays an ordinary request.
  const bool has_body = framing.chunked || framing.length > 0;
  head.extended_connect = false;
  head.upgrade = connection.upgrade && head.minor_version == 1 && !has_body
                     ? first_protocol(head.headers.value(Field::upgrade))
                     : std::string_view{};
  return std::nullopt;
}

std::optional<Rule> judge_response(const Asked& asked, ResponseHead& head) {
  Framing framing;
  if (const auto broken = judge_framing(head.headers, head.minor_version, framing)) return broken;
  head.keep_alive = keeps_alive(read_connection(head.headers), head.minor_version);
  head.has_content_length = framing.has_length;
  head.content_length = framing.length;
  head.body = {};
  head.switching = false;
  head.upgrade = {};

  if (head.status == 101) {
    head.upgrade = first_protocol(head.headers.value(Field::upgrade));
    head.switching = !asked.upgrade.empty() && base::iequals(head.upgrade, asked.upgrade);
    return head.switching ? std::nullopt : std::optional(Rule::upgrade_unasked);
  }
  if (head.status == 426) head.upgrade = first_protocol(head.headers.value(Field::upgrade));
  if (head.status < 200 || head.status == 204) {
    // Neither may announce a body (RFC 9112 section 6.1); whether one follows all the same is anybody's guess.
    if (framing.chunked || framing.length > 0) head.keep_alive = false;
    return std::nullopt;
  }
  if (head.status == 304 || asked.method == Method::head) return std::nullopt;
  if (framing.chunked) {
    head.body = {.kind = Body::Kind::chunked};
  } else if (framing.has_length) {
    head.body = {.kind = Body::Kind::sized, .bytes = framing.length};
  } else {
    head.body = {.kind = Body::Kind::until_close};
    head.keep_alive = false;
  }
  return std::nullopt;
}

}  // namespace drawbridge::http
