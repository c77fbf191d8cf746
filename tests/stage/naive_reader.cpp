#include "tests/stage/naive_reader.h"

#include "proxy/base/ascii.h"

#include <algorithm>
#include <cstdlib>

namespace drawbridge::stage {
namespace {

using Extent = Message::Extent;

// Each step returns false when there is nothing more to read: the message is cut short or malformed then.
class Reading {
 public:
  Reading(std::string_view bytes, Message& message) : all_(bytes.size()), rest_(bytes), message_(message) {}

  bool head() {
    if (!line(message_.first_line)) return false;
    for (std::string text; line(text);) {
      if (text.empty()) return message_.head_read = true;
      const auto colon = text.find(':');
      if (colon == std::string::npos || colon == 0) return fail();
      add_field(text.substr(0, colon), text.substr(colon + 1));
    }
    return false;
  }

  bool sized(std::uint64_t bytes) {
    const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, rest_.size()));
    message_.body += rest_.substr(0, here);
    rest_.remove_prefix(here);
    return here == bytes;
  }

  bool chunked() {
    for (std::string text; line(text);) {
      char* digits_end = nullptr;
      const auto size = std::strtoull(text.c_str(), &digits_end, 16);
      if (digits_end == text.c_str()) return fail();
      if (size == 0) return trailers();
      if (!sized(size) || !line(text)) return false;
      if (!text.empty()) return fail();
    }
    return false;
  }

  void until_close(bool ended) {
    message_.body += rest_;
    rest_ = {};
    if (ended) whole();
  }

  void whole() {
    message_.extent = Extent::whole;
    message_.end = all_ - rest_.size();
  }

 private:
  bool line(std::string& text) {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) return false;
    if (end == 0 || rest_[end - 1] != '\r') return fail();
    text = rest_.substr(0, end - 1);
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool trailers() {
    for (std::string text; line(text);) {
      if (text.empty()) return true;
    }
    return false;
  }

  bool fail() {
    message_.extent = Extent::malformed;
    return false;
  }

  void add_field(std::string name, std::string_view value) {
    for (auto& c : name) c = c == '_' ? '-' : base::to_lower(c);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    message_.fields.emplace_back(std::move(name), value);
  }

  std::size_t all_;
  std::string_view rest_;
  Message& message_;
};

std::uint64_t content_length(const Message& message, int base) {
  return std::strtoull(std::string(message.field("content-length")).c_str(), nullptr, base);
}

// Requests are always read as a careless server would: "010" and "0x10" must not reach one.
constexpr int any_base = 0;

}  // namespace

std::string_view Message::field(std::string_view name) const {
  const auto found =
      std::find_if(fields.rbegin(), fields.rend(), [&](const auto& field) { return field.first == name; });
  return found == fields.rend() ? std::string_view{} : found->second;
}

bool Message::has(std::string_view name) const {
  return std::any_of(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
}

int Message::status() const {
  const auto blank = first_line.find(' ');
  return blank == std::string::npos ? 0 : std::atoi(first_line.c_str() + blank);
}

Message read_request(std::string_view bytes) {
  Message message;
  Reading reading(bytes, message);
  if (!reading.head()) return message;
  const bool read =
      message.has("transfer-encoding") ? reading.chunked() : reading.sized(content_length(message, any_base));
  if (read) reading.whole();
  return message;
}

Message read_response(std::string_view bytes, std::string_view method, bool stream_ended) {
  Message message;
  Reading reading(bytes, message);
  if (!reading.head()) return message;
  const auto status = message.status();
  const bool bodiless = method == "HEAD" || status < 200 || status == 204 || status == 304;
  if (bodiless) {
    reading.whole();
  } else if (message.has("transfer-encoding")) {
    if (reading.chunked()) reading.whole();
  } else if (message.has("content-length")) {
    if (reading.sized(content_length(message, 10))) reading.whole();
  } else {
    reading.until_close(stream_ended);
  }
  return message;
}

}  // namespace drawbridge::stage
