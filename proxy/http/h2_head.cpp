#include "proxy/http/h2_head.h"

#include "proxy/base/ascii.h"
#include "proxy/http/chars.h"
#include "proxy/http/chunked.h"
#include "proxy/http/framing.h"
#include "proxy/http/target.h"
#include "proxy/http/writer.h"

#include <array>
#include <cstring>

namespace drawbridge::http {
namespace {

constexpr std::size_t field_overhead = 32;  // RFC 9113 section 6.5.2, RFC 7541 section 4.1

constexpr std::array<std::string_view, 6> pseudo_names{":method",    ":scheme",   ":path",
                                                       ":authority", ":protocol", ":status"};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_field_name(std::string_view name) {
  for (const char c : name) {
    if (!is(c, token_char) || (c >= 'A' && c <= 'Z')) return false;
  }
  return !name.empty();
}

// RFC 9113 section 8.2.1; HTAB inside is allowed, as in HTTP/1.
bool is_clean_value(std::string_view value) {
  if (value.empty()) return true;
  const auto* end = value.data() + value.size();
  return find_control(value.data(), end) == end && !is_blank(value.front()) && !is_blank(value.back());
}

// RFC 9113 section 8.2.2: fields of a connection that HTTP/2 does not have.
bool is_of_connection(Field field, std::string_view value) {
  switch (field) {
    case Field::connection:
    case Field::keep_alive:
    case Field::proxy_connection:
    case Field::transfer_encoding:
    case Field::upgrade:
      return true;
    case Field::te:
      return !base::iequals(value, "trailers");
    default:
      return false;
  }
}

}  // namespace

void H2HeadReader::begin(Block block, const H2HeadRoom& room, const HeadLimits& limits) {
  block_ = block;
  room_ = room;
  limits_ = limits;
  headers_ = nullptr;
  used_ = list_bytes_ = trailer_count_ = 0;
  regular_ = false;
  seen_ = 0;
  cookie_ = nullptr;
  verdict_ = {};
  trailers_.clear();
}

void H2HeadReader::begin_request(const H2HeadRoom& room, const HeadLimits& limits) {
  begin(Block::request, room, limits);
  static_cast<RequestLine&>(*room.request) = {};
  headers_ = &room.request->headers;
  headers_->clear();
}

void H2HeadReader::begin_response(const H2HeadRoom& room, const HeadLimits& limits) {
  begin(Block::response, room, limits);
  room.response->status = 0;
  room.response->reason = {};
  room.response->minor_version = 1;
  room.response->http2 = true;
  headers_ = &room.response->headers;
  headers_->clear();
}

void H2HeadReader::begin_trailers() {
  begin(Block::trailers, {}, {});
}

// What is malformed cannot be answered, so it goes before what is refused.
void H2HeadReader::malformed(Rule rule) {
  if (verdict_.kind != Verdict::Kind::malformed) verdict_ = {.kind = Verdict::Kind::malformed, .rule = rule};
}

void H2HeadReader::refused(Rule rule) {
  if (verdict_.kind == Verdict::Kind::taken) verdict_ = refuse_later(rule);
}

std::string_view H2HeadReader::keep(std::string_view text) {
  if (text.size() > room_.text.size() - used_) {
    refused(Rule::head_too_large);
    return {};
  }
  auto* const at = room_.text.data() + used_;
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  used_ += text.size();
  return {at, text.size()};
}

void H2HeadReader::add(std::string_view name, std::string_view value) {
  list_bytes_ += name.size() + value.size() + field_overhead;
  if (name.starts_with(':')) return add_pseudo(name, value);
  regular_ = true;
  if (!is_field_name(name)) return malformed(Rule::h2_field_name);
  if (!is_clean_value(value)) return malformed(Rule::h2_field_value);
  block_ == Block::trailers ? add_trailer(name, value) : add_field(name, value);
}

void H2HeadReader::add_pseudo(std::string_view name, std::string_view value) {
  std::size_t which = 0;
  while (which < pseudo_count && pseudo_names[which] != name) ++which;
  const bool belongs = block_ == Block::request ? which < status : block_ == Block::response && which == status;
  if (regular_ || which == pseudo_count || !belongs || (seen_ & 1U << which) != 0 || !is_clean_value(value)) {
    return malformed(Rule::h2_pseudo_field);
  }
  seen_ |= 1U << which;
  if (list_bytes_ > limits_.head_bytes_max)
    return refused(which == path ? Rule::line_too_long : Rule::head_too_large);
  pseudo_[which] = keep(value);
}

void H2HeadReader::add_field(std::string_view name, std::string_view value) {
  const auto field = field_of(name);
  if (is_of_connection(field, value)) return malformed(Rule::h2_connection_field);
  if (list_bytes_ > limits_.head_bytes_max) return refused(Rule::head_too_large);
  if (field == Field::cookie && cookie_ != nullptr) return add_cookie(value);
  if (headers_->size() >= limits_.headers_max || headers_->full()) return refused(Rule::too_many_fields);
  const bool disguised = field == Field::other && disguised_field(name) != Field::other;
  headers_->add({.field = field,
                 .hop_by_hop = disguised,
                 .name = field == Field::other ? keep(name) : http::name(field),
                 .value = keep(value)});
  if (field == Field::cookie && block_ == Block::request) cookie_ = &headers_->all().back();
}

// RFC 9113 section 8.2.3: crumbs of a cookie are one field again before anything else sees them. They mostly come
// one behind the other, and then grow in place.
void H2HeadReader::add_cookie(std::string_view value) {
  const auto before = cookie_->value;
  if (before.data() + before.size() != room_.text.data() + used_) cookie_->value = keep(before);
  const auto* const begin = cookie_->value.data();
  keep("; ");
  keep(value);
  if (verdict_.kind == Verdict::Kind::taken)
    cookie_->value = {begin, static_cast<std::size_t>(room_.text.data() + used_ - begin)};
}

void H2HeadReader::add_trailer(std::string_view name, std::string_view value) {
  if (is_of_connection(field_of(name), value)) return malformed(Rule::h2_connection_field);
  if (++trailer_count_ > ChunkDecoder::trailers_max || list_bytes_ > ChunkDecoder::trailer_bytes_max) {
    return malformed(Rule::trailers_too_large);
  }
  if (!may_trail(name)) return;
  trailers_.append(name).append(": ").append(value).append("\r\n");
}

// RFC 8441 section 4. To the rest of the house it is the GET that HTTP/1.1 asks for a WebSocket with, so that the
// same rules of a site are about both.
std::optional<H2HeadReader::Verdict> H2HeadReader::judge_connect(RequestHead& head) const {
  if (!has(protocol)) {
    if (has(scheme) || has(path)) return Verdict{.kind = Verdict::Kind::malformed, .rule = Rule::h2_pseudo_field};
    return refuse_later(Rule::method_refused);
  }
  if (!base::iequals(pseudo_[protocol], "websocket")) return refuse_later(Rule::h2_protocol);
  head.method = Method::get;
  head.method_text = "GET";
  return std::nullopt;
}

std::optional<H2HeadReader::Verdict> H2HeadReader::judge_line(RequestHead& head) const {
  head.http2 = true;
  head.minor_version = 1;
  head.method_text = pseudo_[method];
  head.target = pseudo_[path];
  if (const auto broken = judge_method(head); broken && head.method != Method::connect)
    return refuse_later(*broken);
  const bool connect = head.method == Method::connect;
  if (connect) {
    if (const auto verdict = judge_connect(head)) return verdict;
  }
  const bool complete = has(scheme) && has(path) && !head.target.empty() && connect == has(protocol);
  if (!complete) return Verdict{.kind = Verdict::Kind::malformed, .rule = Rule::h2_pseudo_field};
  if (pseudo_[scheme] != "http" && pseudo_[scheme] != "https") return refuse_later(Rule::target_scheme);
  if (head.method_text.size() + head.target.size() > limits_.line_bytes_max)
    return refuse_later(Rule::line_too_long);
  if (const auto broken = parse_origin_form(head)) {
    if (*broken == Rule::target_form)
      return Verdict{.kind = Verdict::Kind::malformed, .rule = Rule::h2_pseudo_field};
    return refuse_later(*broken);
  }
  return std::nullopt;
}

// RFC 9113 section 8.3.1: who sends both :authority and Host has them agree.
std::optional<H2HeadReader::Verdict> H2HeadReader::judge_authority(RequestHead& head) const {
  const auto* host = headers_->find(Field::host);
  if (!has(authority) && host == nullptr) return refuse_later(Rule::host_missing);
  head.authority = has(authority) ? pseudo_[authority] : host->value;
  if (head.authority.contains('@')) return refuse_later(Rule::target_userinfo);
  const auto parsed = parse_authority(head.authority);
  if (!parsed) return refuse_later(Rule::host_malformed);
  head.host = parsed->host;
  head.port = parsed->port;
  if (host == nullptr) return std::nullopt;
  for (const auto& header : headers_->all()) {
    if (header.field != Field::host) continue;
    const auto other = parse_authority(header.value);
    if (!other || &header != host || !same_authority(*parsed, *other, pseudo_[scheme])) {
      return Verdict{.kind = Verdict::Kind::malformed, .rule = Rule::h2_authority};
    }
  }
  return std::nullopt;
}

H2HeadReader::Verdict H2HeadReader::end_request(bool ended) {
  auto& head = *room_.request;
  if (!has(method)) malformed(Rule::h2_pseudo_field);
  if (verdict_.kind == Verdict::Kind::malformed) return verdict_;
  const auto line = judge_line(head);
  if (line && line->kind == Verdict::Kind::malformed) return *line;
  if (verdict_.kind != Verdict::Kind::taken) return verdict_;
  if (line) return *line;
  if (const auto broken = judge_authority(head)) return *broken;
  const Body unsized{.kind = ended ? Body::Kind::none : Body::Kind::chunked};
  if (const auto broken = judge_request_fields(head, has(protocol) ? Body{} : unsized)) {
    const bool frames = *broken == Rule::length_malformed || *broken == Rule::length_repeated;
    return {.kind = frames ? Verdict::Kind::malformed : Verdict::Kind::refused, .rule = *broken};
  }
  const bool announced = head.body.kind == Body::Kind::sized && head.body.bytes > 0;
  if ((ended || has(protocol)) && announced) return {.kind = Verdict::Kind::malformed, .rule = Rule::h2_length};
  if (has(protocol)) head.upgrade = pseudo_[protocol];
  head.extended_connect = has(protocol);
  return {};
}

H2HeadReader::Verdict H2HeadReader::end_response(const Asked& asked, bool ended) {
  auto& head = *room_.response;
  if (!has(status)) malformed(Rule::h2_pseudo_field);
  if (verdict_.kind != Verdict::Kind::taken) return verdict_;
  const auto code = base::parse_decimal(pseudo_[status]);
  if (pseudo_[status].size() != 3 || !code || *code < 100 || *code > 599) {
    return {.kind = Verdict::Kind::malformed, .rule = Rule::status_code};
  }
  head.status = static_cast<std::uint16_t>(*code);
  if (const auto broken = judge_response(asked, head)) return {.kind = Verdict::Kind::malformed, .rule = *broken};
  head.reason = reason_phrase(head.status);
  head.keep_alive = true;
  if (head.interim()) return {};
  if (head.body.kind == Body::Kind::until_close) {
    head.body = ended ? Body{.kind = Body::Kind::sized} : Body{.kind = Body::Kind::chunked};
  }
  if (ended && head.body.kind == Body::Kind::sized && head.body.bytes > 0) {
    return {.kind = Verdict::Kind::malformed, .rule = Rule::h2_length};
  }
  return {};
}

}  // namespace drawbridge::http
