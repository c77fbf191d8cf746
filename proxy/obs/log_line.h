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
// json: one object a line. Bytes that are not printable ASCII become \u00XX, one a byte, whatever their encoding,
// so that each line is valid JSON and nothing is lost. Fields that do not apply to the request are left out.
// combined: the format of that name of Apache and nginx, the same bytes as \xXX.
// Longer texts are cut and end in "...": the target after 4096 bytes, user agent and referer after 1024, others
// 256.
class LineWriter {
 public:
  explicit LineWriter(AccessLogFormat format) : format_(format) {}

  // Upper bound of what write() writes for this record.
  static std::size_t bytes_max(const Record& record);
  // Writes the line with its line end to `out`, which has room for bytes_max(record); returns its length.
  std::size_t write(const Record& record, char* out);

 private:
  char* write_json(const Record& record, char* out) const;
  char* write_combined(const Record& record, char* out) const;
  char* put_stamp(char* out) const;
  void refresh(std::int64_t second);

  AccessLogFormat format_;
  std::int64_t second_ = -1;      // what `stamp_` says
  std::array<char, 40> stamp_{};  // the time up to the second as the format wants it: made once a second
  std::size_t stamp_bytes_ = 0;
};

}  // namespace drawbridge::obs
