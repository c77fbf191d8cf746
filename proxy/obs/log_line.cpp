#include "proxy/obs/log_line.h"

#include "proxy/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace drawbridge::obs {
namespace {

std::string_view protocol_of(const Record& record) {
  if (record.http2) return "HTTP/2.0";
  return record.version_minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

constexpr std::size_t target_bytes_max = 4'096;
constexpr std::size_t agent_bytes_max = 1'024;
constexpr std::size_t text_bytes_max = 256;
constexpr std::size_t escaped_bytes_max = 6;  // "\u00XX"
constexpr std::string_view cut_mark = "...";
constexpr std::size_t fixed_bytes_max = 1'024;  // keys, numbers, names of enumerators, cut marks

constexpr std::string_view hex_digits = "0123456789abcdef";

constexpr std::uint64_t each_byte(std::uint64_t byte) {
  return byte * 0x0101'0101'0101'0101U;
}

// True if one of eight bytes is a control, DEL, a quote, a backslash or not ASCII. Exact in that sense; which of
// them it is the caller finds byte by byte. A difference below zero borrows from the next byte, but then the byte
// itself has been found.
constexpr bool needs_escape(std::uint64_t word) {
  const auto one = each_byte(1);
  const auto found = word | (word - each_byte(0x20)) | ((word ^ each_byte('"')) - one) |
                     ((word ^ each_byte('\\')) - one) | ((word ^ each_byte(0x7f)) - one);
  return (found & each_byte(0x80)) != 0;
}

constexpr bool is_plain(char c) {
  return c >= ' ' && c != '"' && c != '\\' && c != 0x7f;
}

// Inline, so that literals become stores.
[[gnu::always_inline]] inline char* put(char* out, std::string_view text) {
  return base::copy_short(out, text);
}

// JSON has \" and \\; every other byte gets the form that both a JSON parser and a person read unambiguously.
char* put_escaped_byte(char* out, char c, AccessLogFormat format) {
  const auto byte = static_cast<unsigned char>(c);
  *out++ = '\\';
  if (format == AccessLogFormat::json && (c == '"' || c == '\\')) {
    *out++ = c;
    return out;
  }
  out = put(out, format == AccessLogFormat::json ? "u00" : "x");
  *out++ = hex_digits[byte >> 4U];
  *out++ = hex_digits[byte & 0xfU];
  return out;
}

char* put_bytes(char* out, std::string_view text, AccessLogFormat format) {
  for (const char c : text) {
    if (is_plain(c)) {
      *out++ = c;
    } else {
      out = put_escaped_byte(out, c, format);
    }
  }
  return out;
}

template <class Word>
Word load(const char* at) {
  Word word{};
  std::memcpy(&word, at, sizeof word);
  return word;
}

struct Words {
  std::uint64_t first = 0, last = 0;
};

#if defined(__SSE2__)
// The same of two words at once. As signed numbers what is not ASCII is below a blank, too.
bool needs_escape(std::uint64_t first, std::uint64_t last) {
  const auto bytes = _mm_set_epi64x(static_cast<long long>(last), static_cast<long long>(first));
  const auto is = [&](char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); };
  const auto found = _mm_or_si128(_mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')), is(0x7f)),
                                  _mm_or_si128(is('"'), is('\\')));
  return _mm_movemask_epi8(found) != 0;
}
#else
bool needs_escape(std::uint64_t first, std::uint64_t last) {
  return needs_escape(first) || needs_escape(last);
}
#endif

// Copies text that is plain; null if it is not, or longer than 32 bytes, which is told from the words that are
// copied.
char* put_plain_words(char* out, std::string_view text) {
  const auto* const from = text.data();
  const auto bytes = text.size();
  const auto put_ends = [&]<class Word>(Word first, Word last) {
    std::memcpy(out, &first, sizeof first);
    std::memcpy(out + bytes - sizeof last, &last, sizeof last);
    return out + bytes;
  };
  if (bytes > 32) return nullptr;
  if (bytes >= 16) {
    const auto first = load<Words>(from), last = load<Words>(from + bytes - sizeof(Words));
    return needs_escape(first.first, first.last) || needs_escape(last.first, last.last) ? nullptr
                                                                                        : put_ends(first, last);
  }
  if (bytes >= 8) {
    const auto first = load<std::uint64_t>(from), last = load<std::uint64_t>(from + bytes - 8);
    return needs_escape(first, last) ? nullptr : put_ends(first, last);
  }
  if (bytes >= 4) {
    const auto first = load<std::uint32_t>(from), last = load<std::uint32_t>(from + bytes - 4);
    return needs_escape(first | std::uint64_t{last} << 32U) ? nullptr : put_ends(first, last);
  }
  for (const char c : text) {
    if (!is_plain(c)) return nullptr;
    *out++ = c;
  }
  return out;
}

// Sixteen bytes at a time, the last ones overlapping those before.
bool is_plain(std::string_view text) {
  const auto* at = text.data();
  const auto* const end = at + text.size();
  if (text.size() < 16) return std::ranges::all_of(text, [](char c) { return is_plain(c); });
  for (; end - at > 16; at += 16) {
    if (needs_escape(load<std::uint64_t>(at), load<std::uint64_t>(at + 8))) return false;
  }
  return !needs_escape(load<std::uint64_t>(end - 16), load<std::uint64_t>(end - 8));
}

[[gnu::noinline]] char* put_odd_text(char* out, std::string_view text, std::size_t bytes_max,
                                     AccessLogFormat format) {
  const bool cut = text.size() > bytes_max;
  out = put_bytes(out, text.substr(0, bytes_max), format);
  return cut ? put(out, cut_mark) : out;
}

// Text from outside. Nearly all of it is plain: it is judged as a whole and copied.
char* put_text(char* out, std::string_view text, std::size_t bytes_max, AccessLogFormat format) {
  if (auto* const end = put_plain_words(out, text); end != nullptr) return end;
  if (text.size() <= bytes_max && is_plain(text)) return put(out, text);
  return put_odd_text(out, text, bytes_max, format);
}

// The pieces of a JSON object: `key` is the literal from the comma to the colon.
char* put_json_text(char* out, std::string_view key, std::string_view text,
                    std::size_t bytes_max = text_bytes_max) {
  if (text.empty()) return out;
  out = put(out, key);
  *out++ = '"';
  out = put_text(out, text, bytes_max, AccessLogFormat::json);
  *out++ = '"';
  return out;
}

// Of a word of ours.
char* put_json_name(char* out, std::string_view key, std::string_view name) {
  out = put(put(out, key), "\"");
  return put(put(out, name), "\"");
}

char* put_json_number(char* out, std::string_view key, std::uint64_t value) {
  return base::put_decimal(put(out, key), value);
}

char* put_json_micros(char* out, std::string_view key, Micros value) {
  return value.count() < 0 ? out : put_json_number(out, key, static_cast<std::uint64_t>(value.count()));
}

char* put_json_plan(char* out, const Record& record) {
  out = put_json_text(out, R"(,"site":)", record.site);
  out = put_json_text(out, R"(,"slice":)", record.slice);
  if (!record.site.empty()) out = put_json_name(out, R"(,"mode":)", core::name(record.mode));
  out = put_json_name(out, R"(,"class":)", core::name(record.request_class));
  out = put_json_name(out, R"(,"verdict":)", core::name(record.verdict));
  return put_json_name(out, R"(,"why":)", core::name(record.why));
}

char* put_or_dash(char* out, std::string_view text, std::size_t bytes_max) {
  return text.empty() ? put(out, "-") : put_text(out, text, bytes_max, AccessLogFormat::combined);
}

char* put_quoted(char* out, std::string_view text) {
  out = put_or_dash(put(out, " \""), text, agent_bytes_max);
  *out++ = '"';
  return out;
}

}  // namespace

std::size_t LineWriter::bytes_max(const Record& record) {
  const std::array texts{record.client, record.method, record.host,       record.site,   record.slice,
                         record.pool,   record.server, record.request_id, record.failure};
  std::size_t bytes = record.target.size() + record.user_agent.size() + record.referer.size();
  for (const auto text : texts) bytes += text.size();
  if (bytes <= text_bytes_max) return fixed_bytes_max + bytes * escaped_bytes_max;  // then none is cut
  bytes = std::min(record.target.size(), target_bytes_max) + std::min(record.user_agent.size(), agent_bytes_max) +
          std::min(record.referer.size(), agent_bytes_max);
  for (const auto text : texts) bytes += std::min(text.size(), text_bytes_max);
  return fixed_bytes_max + bytes * escaped_bytes_max;
}

std::size_t LineWriter::write(const Record& record, char* out) {
  const auto second = std::chrono::floor<std::chrono::seconds>(record.at).time_since_epoch().count();
  if (second != second_) refresh(second);
  char* end = format_ == AccessLogFormat::json ? write_json(record, out) : write_combined(record, out);
  *end++ = '\n';
  return static_cast<std::size_t>(end - out);
}

void LineWriter::refresh(std::int64_t second) {
  static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_seconds at{std::chrono::seconds(second)};
  const auto midnight = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss time(at - midnight);
  const auto year = static_cast<int>(date.year());
  const auto month = static_cast<unsigned>(date.month());
  const auto day = static_cast<unsigned>(date.day());
  char* end = nullptr;
  if (format_ == AccessLogFormat::json) {
    end = fmt::format_to_n(stamp_.data(), stamp_.size(), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", year, month, day,
                           time.hours().count(), time.minutes().count(), time.seconds().count())
              .out;
  } else {
    end = fmt::format_to_n(stamp_.data(), stamp_.size(), "{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000", day,
                           months[month - 1], year, time.hours().count(), time.minutes().count(),
                           time.seconds().count())
              .out;
  }
  stamp_bytes_ = static_cast<std::size_t>(end - stamp_.data());
  second_ = second;
}

char* LineWriter::put_stamp(char* out) const {
  return put(out, {stamp_.data(), stamp_bytes_});
}

char* LineWriter::write_json(const Record& record, char* out) const {
  const auto ms = static_cast<unsigned>(record.at.time_since_epoch().count() - second_ * 1'000);
  out = put_stamp(put(out, R"({"time":")"));
  *out++ = '.';
  *out++ = static_cast<char>('0' + ms / 100);
  *out++ = static_cast<char>('0' + ms / 10 % 10);
  *out++ = static_cast<char>('0' + ms % 10);
  out = put(out, "Z\"");
  out = put_json_text(out, R"(,"request_id":)", record.request_id);
  out = put_json_text(out, R"(,"client":)", record.client);
  out = put_json_text(out, R"(,"method":)", record.method);
  out = put_json_text(out, R"(,"host":)", record.host);
  out = put_json_text(out, R"(,"target":)", record.target, target_bytes_max);
  out = put(out, R"(,"protocol":")");
  out = put(out, protocol_of(record));
  out = put(out, "\"");
  out = put_json_number(out, R"(,"status":)", record.status);
  if (record.decided) out = put_json_plan(out, record);
  out = put_json_text(out, R"(,"pool":)", record.pool);
  out = put_json_text(out, R"(,"server":)", record.server);
  out = put_json_number(out, R"(,"request_bytes":)", record.request_bytes);
  out = put_json_number(out, R"(,"response_bytes":)", record.response_bytes);
  out = put_json_micros(out, R"(,"duration_us":)", record.total);
  out = put_json_micros(out, R"(,"connect_us":)", record.upstream_connect);
  out = put_json_micros(out, R"(,"first_byte_us":)", record.upstream_first_byte);
  if (record.retries > 0) out = put_json_number(out, R"(,"retries":)", record.retries);
  out = put_json_text(out, R"(,"failure":)", record.failure);
  out = put_json_text(out, R"(,"user_agent":)", record.user_agent, agent_bytes_max);
  out = put_json_text(out, R"(,"referer":)", record.referer, agent_bytes_max);
  *out++ = '}';
  return out;
}

char* LineWriter::write_combined(const Record& record, char* out) const {
  out = put_or_dash(out, record.client, text_bytes_max);
  out = put_stamp(put(out, " - - ["));
  out = put(out, "] \"");
  out = put_or_dash(out, record.method, text_bytes_max);
  *out++ = ' ';
  out = put_or_dash(out, record.target, target_bytes_max);
  out = put(out, " ");
  out = put(out, protocol_of(record));
  out = put(out, "\" ");
  out = base::put_decimal(out, record.status);
  *out++ = ' ';
  out = base::put_decimal(out, record.response_bytes);
  out = put_quoted(out, record.referer);
  return put_quoted(out, record.user_agent);
}

}  // namespace drawbridge::obs
