#include "proxy/http/writer.h"

#include "proxy/http/chars.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace drawbridge::http {
namespace {

struct Phrase {
  std::uint16_t status;
  std::string_view text;
};

constexpr Phrase phrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

}  // namespace

void HeadWriter::decimal(std::uint64_t value) {
  std::array<char, 20> digits;
  text({digits.data(), base::put_decimal(digits.data(), value)});
}

void HeadWriter::field(std::string_view name, std::string_view value) {
  const auto bytes = name.size() + 2 + value.size() + 2;
  if (bytes > static_cast<std::size_t>(end_ - at_)) {
    overflow_ = true;
    end_ = at_;
    return;
  }
  put(name);
  *at_++ = ':';
  *at_++ = ' ';
  put(value);
  *at_++ = '\r';
  *at_++ = '\n';
}

void HeadWriter::field(std::string_view name, std::uint64_t value) {
  text(name);
  text(": ");
  decimal(value);
  end_line();
}

bool is_field_value(std::string_view value) {
  const auto* end = value.data() + value.size();
  if (find_control(value.data(), end) != end) return false;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  return value.empty() || (!is_blank(value.front()) && !is_blank(value.back()));
}

std::string_view reason_phrase(std::uint16_t status) {
  const auto* const found = std::ranges::lower_bound(phrases, status, {}, &Phrase::status);
  return found != std::end(phrases) && found->status == status ? found->text : "Status";
}

}  // namespace drawbridge::http
