#include "proxy/core/readings.h"

#include "proxy/base/ascii.h"
#include "proxy/base/check.h"
#include "proxy/base/text.h"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace drawbridge::core {
namespace {

enum ByteClass : std::uint8_t {
  unreserved = 1,  // RFC 3986 section 2.3: an escape of it is the byte itself
  literal = 2,     // may stand in a path unescaped, so that an escape of it may be read as the byte
  odd = 4,         // more than one reading, or none that is plain
};

constexpr std::array<std::uint8_t, 256> make_byte_classes() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    unsigned classes = 0;
    if (base::is_alpha(c) || base::is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      classes |= unreserved | literal;
    }
    if (std::string_view("!$&'()*+,;=:@/[]|^").find(c) != std::string_view::npos) classes |= literal;
    if (c == '%' || c == ';' || c == '\\') classes |= odd;
    table[byte] = static_cast<std::uint8_t>(classes);
  }
  return table;
}

constexpr auto byte_classes = make_byte_classes();

bool is(char c, ByteClass wanted) {
  return (byte_classes[static_cast<unsigned char>(c)] & wanted) != 0;
}

// The byte that the escape at the start of `text` stands for, or -1.
int escaped_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = base::hex_value(text[1]);
  const int low = base::hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

class Output {
 public:
  explicit Output(char* begin) : begin_(begin), end_(begin) {}
  void put(char c) { *end_++ = c; }
  void put_escape(int byte) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    put('%');
    put(digits[static_cast<unsigned>(byte) / 16]);
    put(digits[static_cast<unsigned>(byte) % 16]);
  }
  std::string_view text() const { return {begin_, static_cast<std::size_t>(end_ - begin_)}; }

 private:
  char* begin_;
  char* end_;
};

// Plain: no escape, parameter or backslash, no empty segment, and none that starts with a dot.
#if defined(__SSE2__)
// Sixteen bytes of a path; `after_slash`: whether a slash stood before them, then whether one ends them.
bool is_plain_block(const char* at, unsigned& after_slash) {
  const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const auto are = [&](char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); };
  const auto bits = [](__m128i mask) { return static_cast<unsigned>(_mm_movemask_epi8(mask)); };
  const auto slashes = bits(are('/'));
  const auto begins = slashes << 1U | after_slash;
  after_slash = slashes >> 15U;
  return bits(_mm_or_si128(are('%'), _mm_or_si128(are(';'), are('\\')))) == 0 &&
         (begins & (slashes | bits(are('.')))) == 0;
}

bool is_plain(std::string_view path) {
  unsigned after_slash = 0;
  for (; path.size() >= 16; path.remove_prefix(16)) {
    if (!is_plain_block(path.data(), after_slash)) return false;
  }
  char rest[16] = {};
  base::copy_short(rest, path);
  return is_plain_block(rest, after_slash);
}
#else
bool is_plain(std::string_view path) {
  bool after_slash = false;
  for (const char c : path) {
    if (is(c, odd) || (after_slash && (c == '/' || c == '.'))) return false;
    after_slash = c == '/';
  }
  return true;
}
#endif

// Decodes escapes of unreserved bytes, writes the others in upper case. A lone '%' stays; a digit is not decoded
// where it would complete an escape with it: nobody sent that one. `held` tells that this happened.
std::string_view decode_unreserved(std::string_view text, char* room, bool& held) {
  Output out(room);
  int after_lone = 0;  // 1: the last byte written is a lone '%'; 2: it and a hexadecimal digit
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = escaped_byte(text.substr(i));
    if (byte < 0) {
      const char c = text[i];
      after_lone = c == '%' ? 1 : (after_lone == 1 && base::hex_value(c) >= 0 ? 2 : 0);
      out.put(c);
      continue;
    }
    const char c = static_cast<char>(byte);
    const bool completes = after_lone != 0 && base::hex_value(c) >= 0;
    held = held || completes;
    if (is(c, unreserved) && !completes) {
      out.put(c);
    } else {
      out.put_escape(byte);
    }
    after_lone = 0;
    i += 2;
  }
  return out.text();
}

// Decodes all escapes whose byte may stand in a path; the others keep standing for theirs. With `again` an escaped
// escape ("%252F") is decoded twice.
std::string_view decode_literal(std::string_view text, char* room, bool again) {
  Output out(room);
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = escaped_byte(text.substr(i));
    if (byte < 0) {
      out.put(text[i]);
      continue;
    }
    i += 2;
    if (byte == '%' && again && i + 2 < text.size() && base::hex_value(text[i + 1]) >= 0 &&
        base::hex_value(text[i + 2]) >= 0) {
      byte = base::hex_value(text[i + 1]) * 16 + base::hex_value(text[i + 2]);
      i += 2;
    }
    if (is(static_cast<char>(byte), literal)) {
      out.put(static_cast<char>(byte));
    } else {
      out.put_escape(byte);
    }
  }
  return out.text();
}

std::string_view slash_backslashes(std::string_view text, char* room) {
  Output out(room);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (escaped_byte(text.substr(i)) == '\\') {
      out.put('/');
      i += 2;
    } else {
      out.put(text[i] == '\\' ? '/' : text[i]);
    }
  }
  return out.text();
}

std::string_view strip_parameters(std::string_view text, char* room) {
  Output out(room);
  bool inside = false;
  for (const char c : text) {
    inside = c != '/' && (inside || c == ';');
    if (!inside) out.put(c);
  }
  return out.text();
}

// RFC 3986 section 5.2.4, with empty segments dropped. `text` begins with a slash.
std::string_view remove_dots(std::string_view text, char* room, bool& climbs) {
  std::size_t size = 0;
  bool trailing = true;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('/', at + 1), text.size());
    const auto segment = text.substr(at + 1, end - at - 1);
    at = end;
    trailing = segment.empty() || segment == "." || segment == "..";
    if (!trailing) {
      room[size++] = '/';
      size += segment.copy(room + size, segment.size());
    } else if (segment == "..") {
      climbs = climbs || size == 0;
      if (size > 0) size = std::string_view(room, size).rfind('/');
    }
  }
  if (trailing) room[size++] = '/';
  return {room, size};
}

bool has_escape(std::string_view text, std::string_view lead, std::string_view digits) {
  for (auto at = text.find(lead); at != std::string_view::npos; at = text.find(lead, at + 1)) {
    const auto next = at + lead.size();
    if (next < text.size() && digits.find(text[next]) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string_view name(Doubt doubt) {
  switch (doubt) {
    case Doubt::none:
      return "none";
    case Doubt::climbs_out:
      return "climbs out";
    case Doubt::nul:
      return "NUL";
    case Doubt::overlong:
      return "overlong UTF-8";
    case Doubt::broken_escape:
      return "broken escape";
    case Doubt::escaped_thrice:
      return "escaped three times";
  }
  return "unknown";
}

Readings::Readings(std::string_view path) {
  if (!path.starts_with('/') || is_plain(path)) {
    list_.texts[count_++] = path;
    return;
  }
  read(path);
}

void Readings::read(std::string_view path) {
  path_bytes_ = path.size();
  room_ = inline_;
  if (path_bytes_ > base::limits::fast_path_bytes) {
    heap_ = std::make_unique_for_overwrite<char[]>((readings_max + scratch_count) * path_bytes_);
    room_ = heap_.get();
  }
  next_ = scratch(scratch_count);

  bool held = false;
  const auto text = decode_unreserved(path, scratch(0), held);
  if (held) doubt_ = Doubt::broken_escape;
  const bool has_parameters = text.find(';') != std::string_view::npos;
  const auto without = has_parameters ? strip_parameters(text, scratch(2)) : text;
  const auto decoded = read_levels(text, Parameters::come_off);
  read_cut(decoded);
  doubt_escapes(decoded);
  if (has_parameters) read_levels(without, Parameters::are_gone);
}

// Reads `text` as it is, decoded once and decoded twice; returns the last. Parameters that are gone went before
// their escapes were decoded; servers that decode first cut them off later.
std::string_view Readings::read_levels(std::string_view text, Parameters parameters) {
  read_level(text, parameters);
  for (const std::size_t round : {1U, 2U}) {
    const auto decoded = decode_literal(text, scratch(round % 2), round > 1);
    const bool changed = decoded != text;
    text = decoded;
    if (changed) read_level(text, parameters);
  }
  if (decode_literal(text, scratch(1), true) != text) doubt_ = Doubt::escaped_thrice;
  return text;
}

void Readings::read_level(std::string_view text, Parameters parameters) {
  add(text);
  const auto slashed = slash_backslashes(text, scratch(3));
  if (slashed != text) add(slashed);
  if (parameters == Parameters::come_off && slashed.find(';') != std::string_view::npos) {
    add(strip_parameters(slashed, scratch(4)));
  }
}

// What is left for a server that decodes first and then ends the path at "?", "#" or NUL.
void Readings::read_cut(std::string_view text) {
  auto end = text.size();
  for (const std::string_view ending : {"%3F", "%23", "%00"}) end = std::min(end, text.find(ending));
  if (end == text.size()) return;
  add(strip_parameters(slash_backslashes(text.substr(0, end), scratch(3)), scratch(4)));
}

void Readings::doubt_escapes(std::string_view text) {
  static constexpr std::string_view any = "0123456789ABCDEFabcdef";
  if (has_escape(text, "%u", any) || has_escape(text, "%U", any)) doubt_ = Doubt::broken_escape;
  if (has_escape(text, "%C", "01") || has_escape(text, "%E0%", "89") || has_escape(text, "%F0%", "8")) {
    doubt_ = Doubt::overlong;
  }
  if (has_escape(text, "%0", "0")) doubt_ = Doubt::nul;
}

void Readings::add(std::string_view text) {
  bool climbs = false;
  const auto reading = remove_dots(text, next_, climbs);
  if (climbs) doubt_ = Doubt::climbs_out;
  const auto known = all();
  if (std::find(known.begin(), known.end(), reading) != known.end()) return;
  DRAWBRIDGE_CHECK(count_ < readings_max);
  list_.texts[count_++] = reading;
  next_ += reading.size();
}

std::string normal_form(std::string_view path) {
  return std::string(Readings(path).normal());
}

}  // namespace drawbridge::core
