#include "proxy/http/reader.h"

#include "proxy/base/ascii.h"
#include "proxy/base/text.h"
#include "proxy/http/chars.h"
#include "proxy/http/framing.h"
#include "proxy/http/target.h"

#include <algorithm>
#include <cstring>

namespace drawbridge::http {
namespace {

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// The rule that a control byte breaks where it stands; nullopt if it is the CR of a CRLF.
std::optional<Rule> judge_control(const char* at, const char* end) {
  if (*at == '\r') return at + 1 != end && at[1] == '\n' ? std::nullopt : std::optional(Rule::line_end);
  return *at == '\n' ? Rule::line_end : Rule::control_byte;
}

// How many of sixteen bytes stand before the first colon; 16 if there is none.
std::size_t find_colon(const char* at) {
#if defined(__SSE2__)
  const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const auto colons = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(':'))));
  return static_cast<std::size_t>(__builtin_ctz(colons | 1U << 16U));
#else
  return std::min<std::size_t>(std::string_view(at, 16).find(':'), 16);
#endif
}

// The bytes from `at` on where 32 of them may be read: there, or in a copy that ends in zeros.
class Opening {
 public:
  static constexpr std::size_t bytes = 32;

  Opening(const char* at, const char* end) : begin_(at) {
    if (const auto left = static_cast<std::size_t>(end - at); left < bytes) {
      std::memset(copy_, 0, bytes);
      base::copy_short(copy_, {at, left});
      begin_ = copy_;
    }
  }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  // What stands before ": " if that ends within the bytes; else empty.
  std::string_view name() const { return ends_at(count(find_colon)); }
  // It is all letters, digits and hyphens.
  bool is_plain(std::string_view name) const { return count(count_name_bytes) >= name.size(); }

 private:
  template <class Count>
  std::size_t count(Count in_sixteen) const {
    const auto first = in_sixteen(begin_);
    return first < 16 ? first : 16 + in_sixteen(begin_ + 16);
  }
  std::string_view ends_at(std::size_t colon) const {
    if (colon > bytes - 2 || begin_[colon + 1] != ' ') return {};
    return {begin_, colon};
  }

  const char* begin_;
  char copy_[bytes];
};

// Takes field lines from a head, one by one.
class LineLexer {
 public:
  enum class After : std::uint8_t { nothing, anything };  // what may follow the head

  LineLexer(std::string_view bytes, HeadScanner::Side side, After after)
      : begin_(bytes.data()), at_(begin_), end_(at_ + bytes.size()), side_(side), after_(after) {}

  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  std::size_t taken() const { return static_cast<std::size_t>(at_ - begin_); }

  // The next line without its line end.
  std::optional<Rule> line(std::string_view& out) {
    const auto* begin = at_;
    const auto* stop = find_control(begin_, at_, end_);
    if (stop == end_) return Rule::line_end;
    if (const auto broken = judge_control(stop, end_)) return broken;
    out = {begin, stop};
    at_ = stop + 2;
    return std::nullopt;
  }

  // The field lines up to the empty line, which must be the last.
  std::optional<Rule> fields(std::size_t headers_max, HeaderList& out) {
    out.clear();
    while (true) {
      plain_fields(std::min(headers_max, header_capacity), out);
      if (at_ == end_) return Rule::line_end;
      if (*at_ == '\r') return end_of_head();
      if (out.size() >= headers_max || out.full()) return Rule::too_many_fields;
      if (const auto broken = odd_field(out)) return broken;
    }
  }

 private:
  std::optional<Rule> end_of_head() {
    if (const auto broken = judge_control(at_, end_)) return broken;
    at_ += 2;
    return at_ == end_ || after_ == After::anything ? std::nullopt : std::optional(Rule::line_end);
  }

  // Any other line.
  std::optional<Rule> odd_field(HeaderList& out) {
    if (is_blank(*at_)) return out.size() == 0 ? Rule::leading_space : Rule::folded_line;
    const auto* colon = at_;
    while (colon != end_ && is(*colon, token_char)) ++colon;
    const std::string_view name(at_, colon);
    if (colon == end_ || *colon != ':' || name.empty()) {
      if (const auto broken = odd_name(name, colon)) return broken;
    }
    at_ = colon + 1;
    std::string_view value;
    if (const auto broken = line(value)) return broken;
    const auto known = field_of(name);
    const bool disguised = known == Field::other && disguised_field(name) != Field::other;
    out.add({.field = known, .hop_by_hop = disguised, .name = name, .value = base::trim(value)});
    return std::nullopt;
  }

  // Lines as nearly all of them are, up to the first that is not: a name of letters, digits and hyphens that is not
  // long, a colon, one blank, a value with nothing around it.
  void plain_fields(std::size_t headers_max, HeaderList& out) {
    while (at_ != end_ && *at_ != '\r' && out.size() < headers_max) {
      const Opening opening(at_, end_);
      const auto found = opening.name();
      if (found.empty()) return;
      const std::string_view name(at_, found.size());
      const auto known = field_of_readable(found);
      if (known == Field::other && !opening.is_plain(found)) return;
      const auto* const value = name.end() + 2;
      const auto* const stop = find_control(begin_, value, end_);
      if (end_ - stop < 2 || stop[0] != '\r' || stop[1] != '\n') return;
      if (stop == value || is_blank(*value) || is_blank(stop[-1])) return;
      out.add({.field = known, .verbatim = true, .name = name, .value = {value, stop}});
      at_ = stop + 2;
    }
  }

  // Why a name is not followed by its colon. In responses blanks before the colon are taken away as RFC 9112
  // section 5.1 wants, unless the field frames the message.
  std::optional<Rule> odd_name(std::string_view name, const char*& colon) const {
    const auto* blanks_end = colon;
    while (blanks_end != end_ && is_blank(*blanks_end)) ++blanks_end;
    if (blanks_end == end_ || is(*blanks_end, control_char)) {
      if (blanks_end != end_) {
        if (const auto broken = judge_control(blanks_end, end_)) return broken;
      }
      return Rule::field_without_colon;
    }
    if (name.empty() || *blanks_end != ':') return Rule::field_name;
    const auto known = field_of(name);
    const bool frames = known == Field::content_length || known == Field::transfer_encoding;
    if (side_ == HeadScanner::Side::request || frames) return Rule::space_before_colon;
    colon = blanks_end;
    return std::nullopt;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  HeadScanner::Side side_;
  After after_;
};

// "HTTP/1.1 200 OK"; the blank after the code may be missing when there is no reason, as many servers have it.
std::optional<Rule> parse_status_line(std::string_view line, ResponseHead& out) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || (line[7] != '0' && line[7] != '1') || line[8] != ' ') {
    return Rule::status_line;
  }
  const auto code = base::parse_decimal(line.substr(9, 3));
  if (!code || (line.size() > 12 && line[12] != ' ')) return Rule::status_line;
  if (*code < 100 || *code > 599) return Rule::status_code;
  out.minor_version = line[7] == '1';
  out.status = static_cast<std::uint16_t>(*code);
  out.reason = line.size() > 13 ? line.substr(13) : std::string_view{};
  return std::nullopt;
}

std::optional<Rule> read_request(LineLexer& lexer, const HeadLimits& limits, RequestHead& out) {
  static_cast<RequestLine&>(out) = {};
  out.headers.clear();
  std::string_view line;
  if (const auto broken = lexer.line(line)) return broken;
  if (line.size() > limits.line_bytes_max) return Rule::line_too_long;
  if (lexer.size() > limits.head_bytes_max) return Rule::head_too_large;
  if (const auto broken = parse_request_line(line, out)) return broken;
  if (const auto broken = lexer.fields(limits.headers_max, out.headers)) return broken;
  return judge_request(out);
}

std::optional<Rule> read_response(LineLexer& lexer, const Asked& asked, const HeadLimits& limits,
                                  ResponseHead& out) {
  out.status = 0;
  out.http2 = false;
  out.headers.clear();
  std::string_view line;
  if (const auto broken = lexer.line(line)) return broken;
  if (lexer.size() > limits.head_bytes_max) return Rule::head_too_large;
  if (const auto broken = parse_status_line(line, out)) return broken;
  if (const auto broken = lexer.fields(limits.headers_max, out.headers)) return broken;
  return judge_response(asked, out);
}

std::optional<Refusal> refusal_of(std::optional<Rule> broken) {
  return broken ? std::optional(refuse(*broken)) : std::nullopt;
}

}  // namespace

std::size_t take_request(std::string_view bytes, const HeadLimits& limits, RequestHead& out) {
  LineLexer lexer(bytes.substr(0, limits.head_bytes_max), HeadScanner::Side::request, LineLexer::After::anything);
  return read_request(lexer, limits, out) ? 0 : lexer.taken();
}

std::size_t take_response(std::string_view bytes, const Asked& asked, const HeadLimits& limits, ResponseHead& out) {
  LineLexer lexer(bytes.substr(0, limits.head_bytes_max), HeadScanner::Side::response, LineLexer::After::anything);
  return read_response(lexer, asked, limits, out) ? 0 : lexer.taken();
}

std::optional<Refusal> parse_request(std::string_view bytes, const HeadLimits& limits, RequestHead& out) {
  LineLexer lexer(bytes, HeadScanner::Side::request, LineLexer::After::nothing);
  return refusal_of(read_request(lexer, limits, out));
}

std::optional<Refusal> parse_response(std::string_view bytes, const Asked& asked, const HeadLimits& limits,
                                      ResponseHead& out) {
  LineLexer lexer(bytes, HeadScanner::Side::response, LineLexer::After::nothing);
  return refusal_of(read_response(lexer, asked, limits, out));
}

void HeadScanner::reset() {
  started_ = first_line_judged_ = false;
  begin_ = line_begin_ = position_ = first_line_end_ = 0;
}

void HeadScanner::pass_empty_line(std::string_view bytes) {
  if (begin_ == 0 && position_ == 0 && side_ == Side::request && bytes.starts_with("\r\n")) {
    begin_ = line_begin_ = position_ = 2;
  }
  started_ = bytes.size() > begin_ && bytes != "\r";
}

std::optional<Rule> HeadScanner::too_long(std::size_t bytes) const {
  const auto first_line_bytes = (first_line_end_ != 0 ? first_line_end_ : bytes) - begin_;
  if (side_ == Side::request && first_line_bytes > limits_.line_bytes_max) return Rule::line_too_long;
  return bytes - begin_ > limits_.head_bytes_max ? std::optional(Rule::head_too_large) : std::nullopt;
}

// The head goes on: the place from which to look further, and an early no to what can never become one. A client
// that sends half a request and waits should hear why, not time out.
HeadScanner::Scan HeadScanner::wait(std::string_view bytes, std::size_t position) {
  position_ = position;
  auto broken = too_long(position);
  if (!broken && side_ == Side::request && first_line_end_ != 0 && !first_line_judged_) {
    RequestLine line;
    broken = parse_request_line(bytes.substr(begin_, first_line_end_ - begin_), line);
    first_line_judged_ = true;
  }
  if (broken) return {.state = State::refused, .refusal = refuse(*broken)};
  return {};
}

HeadScanner::Scan HeadScanner::scan(std::string_view bytes) {
  if (bytes.empty()) return {};
  pass_empty_line(bytes);
  const auto* const end = bytes.data() + bytes.size();
  while (true) {
    const auto* stop = find_control(bytes.data() + position_, end);
    const auto stop_at = static_cast<std::size_t>(stop - bytes.data());
    if (stop == end || (*stop == '\r' && stop + 1 == end)) return wait(bytes, stop_at);
    if (const auto broken = judge_control(stop, end)) return {.state = State::refused, .refusal = refuse(*broken)};
    const bool line_empty = stop_at == line_begin_;
    if (line_empty && line_begin_ == begin_) return {.state = State::refused, .refusal = refuse(Rule::empty_lines)};
    if (first_line_end_ == 0) first_line_end_ = stop_at;
    position_ = line_begin_ = stop_at + 2;
    if (const auto broken = too_long(position_)) return {.state = State::refused, .refusal = refuse(*broken)};
    if (line_empty) return {.state = State::complete, .begin = begin_, .end = position_, .refusal = {}};
  }
}

}  // namespace drawbridge::http
