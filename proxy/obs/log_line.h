#pragma once

#include "proxy/obs/record.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace drawbridge::obs {

enum class AccessLogFormat : std::uint8_t { json, combined };

// Writes the access log lines of one worker. Hand-written because it runs once a request (0.4 µs is the budget; a
// generic JSON writer takes several times that); a test holds it against a JSON parser over arbitrary bytes.
//
// json: one object a line. Bytes from outside that are not printable ASCII become \u00XX, one a byte, whatever
// their encoding, so that each line is valid JSON and nothing is lost. Fields that do not apply are left out.
// combined: the format of that name of Apache and nginx, the same bytes as \xXX.
// Fields longer than their limit (target 4096 bytes, user agent and referer 1024, others 256) end in "...".
class LineWriter {
 public:
  explicit LineWriter(AccessLogFormat format) : format_(format) {}

  // Upper bound of what write() writes for this record.
  static std::size_t bytes_max(const Record& record);
  // Writes the line with its line end to `out`, which has room for bytes_max(record); returns its length.
  std::size_t write(const Record& record, char* out);

 private:
  char* write_json(const Record& record, char* out);
  char* write_combined(const Record& record, char* out);
  void refresh(std::int64_t second);

  AccessLogFormat format_;
  std::int64_t second_ = -1;      // what `stamp_` says
  std::array<char, 32> stamp_{};  // time up to the second, as the format wants it
  std::size_t stamp_bytes_ = 0;
};

}  // namespace drawbridge::obs
