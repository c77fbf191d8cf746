// Any bytes in the fields of a request: its access log line is one line, within its bound, that a JSON parser reads
// back to the same bytes; the combined form has as many quotes as it should.
#include "proxy/obs/log_line.h"
#include "tests/fuzz/fuzz_check.h"

#include <boost/json.hpp>

#include <algorithm>
#include <string>

using namespace drawbridge;

namespace {

std::string line_of(const obs::Record& record, obs::AccessLogFormat format) {
  std::string line(obs::LineWriter::bytes_max(record), '\0');
  obs::LineWriter writer(format);
  const auto bytes = writer.write(record, line.data());
  FUZZ_CHECK(bytes <= line.size());
  line.resize(bytes);
  FUZZ_CHECK(line.find('\n') == line.size() - 1);
  return line;
}

// A text whose code points stand for one byte each, back as those bytes (from UTF-8).
std::string bytes_of(const boost::json::object& line, const char* key) {
  std::string bytes;
  if (!line.contains(key)) return bytes;
  const auto& text = line.at(key).as_string();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
    } else {
      bytes += static_cast<char>((lead & 0x03U) << 6U | (static_cast<unsigned char>(text[++i]) & 0x3fU));
    }
  }
  return bytes;
}

std::string cut(std::string_view text, std::size_t bytes_max) {
  return text.size() <= bytes_max ? std::string(text) : std::string(text.substr(0, bytes_max)) + "...";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const std::string_view all = text;
  obs::Record record;
  record.decided = true;
  record.target = all;
  record.user_agent = all.substr(all.size() / 2);
  record.referer = all.substr(0, all.size() / 3);
  record.host = record.method = all.substr(all.size() / 4);
  record.site = record.pool = record.server = record.client = record.request_id = record.failure = record.host;
  const auto line = boost::json::parse(line_of(record, obs::AccessLogFormat::json)).as_object();
  FUZZ_CHECK(bytes_of(line, "target") == cut(record.target, 4'096));
  FUZZ_CHECK(bytes_of(line, "user_agent") == cut(record.user_agent, 1'024));
  FUZZ_CHECK(bytes_of(line, "referer") == cut(record.referer, 1'024));
  FUZZ_CHECK(bytes_of(line, "failure") == cut(record.failure, 256));
  FUZZ_CHECK(std::ranges::count(line_of(record, obs::AccessLogFormat::combined), '"') == 6);
  return 0;
}
