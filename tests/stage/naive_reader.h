#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::stage {

// HTTP/1.1 as the simplest of programs would read it: splits at line feeds, believes what it is told. Of another
// making than the product's reader on purpose: what the two understand differently is where requests are smuggled.
struct Message {
  enum class Extent : std::uint8_t { whole, cut_short, malformed };

  Extent extent = Extent::cut_short;
  bool head_read = false;
  std::string first_line;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case, '_' read as '-'
  std::string body;
  std::size_t end = 0;  // whole: one past its last byte

  std::string_view field(std::string_view name) const;  // of the last line of that name; empty if there is none
  bool has(std::string_view name) const;
  std::string_view method() const { return std::string_view(first_line).substr(0, first_line.find(' ')); }
  std::string_view method_and_target() const {
    return std::string_view(first_line).substr(0, first_line.rfind(' '));
  }
  int status() const;
  bool interim() const { return status() >= 100 && status() < 200 && status() != 101; }
};

// Both read the first message of `bytes`.
Message read_request(std::string_view bytes);
// The answer to `method`. `stream_ended`: nothing follows `bytes`, which ends a body without a length.
Message read_response(std::string_view bytes, std::string_view method, bool stream_ended);

}  // namespace drawbridge::stage
