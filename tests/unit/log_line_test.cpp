#include "proxy/obs/log_line.h"

#include "tests/unit/sample_record.h"

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

using namespace drawbridge;
using obs::AccessLogFormat;

namespace {

std::string line_of(const obs::Record& record, AccessLogFormat format) {
  std::string line(obs::LineWriter::bytes_max(record), '\0');
  obs::LineWriter writer(format);
  line.resize(writer.write(record, line.data()));
  return line;
}

boost::json::object json_of(const obs::Record& record) {
  const auto line = line_of(record, AccessLogFormat::json);
  REQUIRE(line.find('\n') == line.size() - 1);
  return boost::json::parse(line).as_object();
}

// A text of JSON whose code points all stand for one byte, back as those bytes.
std::string bytes_of(const boost::json::value& value) {
  std::string bytes;
  const auto& text = value.as_string();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
    } else {
      const auto next = static_cast<unsigned char>(text[++i]);
      bytes += static_cast<char>((lead & 0x03U) << 6U | (next & 0x3fU));
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("a JSON line tells everything about a forwarded request") {
  auto record = tests::sample_record();
  record.upstream_connect = obs::Micros(321);
  record.retries = 1;
  record.referer = "https://shop.example/";
  record.failure = "upstream reset";
  CHECK(line_of(record, AccessLogFormat::json) ==
        R"({"time":"2026-03-01T08:00:00.042Z","request_id":"0123456789abcdef0123456789abcdef",)"
        R"("client":"192.0.2.7","method":"GET","host":"shop.example","target":"/orders?page=2",)"
        R"("protocol":"HTTP/1.1","status":200,"site":"shop","mode":"live","class":"read","verdict":"forward",)"
        R"("why":"method","pool":"blue","server":"127.0.0.1:9001","request_bytes":0,"response_bytes":1234,)"
        R"("duration_us":5678,"connect_us":321,"first_byte_us":5000,"retries":1,"failure":"upstream reset",)"
        R"("user_agent":"curl/7.88.1","referer":"https://shop.example/"})"
        "\n");
}

TEST_CASE("what does not apply to a request is left out of its JSON line") {
  obs::Record record;
  record.client = "192.0.2.7";
  record.status = 400;
  record.failure = "client malformed";
  const auto line = json_of(record);
  for (const char* key : {"site", "mode", "class", "verdict", "why", "pool", "server", "connect_us",
                          "first_byte_us", "retries", "user_agent", "referer", "method", "target"}) {
    CAPTURE(key);
    CHECK_FALSE(line.contains(key));
  }
  CHECK(line.at("status") == 400);
  CHECK(line.at("failure") == "client malformed");
}

TEST_CASE("a combined line is what log analysers know") {
  auto record = tests::sample_record();
  record.referer = "https://shop.example/";
  CHECK(line_of(record, AccessLogFormat::combined) ==
        "192.0.2.7 - - [01/Mar/2026:08:00:00 +0000] \"GET /orders?page=2 HTTP/1.1\" 200 1234 "
        "\"https://shop.example/\" \"curl/7.88.1\"\n");
}

TEST_CASE("a line names the protocol of its client") {
  auto record = tests::sample_record();
  record.http2 = true;
  CHECK(line_of(record, AccessLogFormat::combined).contains("GET /orders?page=2 HTTP/2.0\" 200"));
  CHECK(line_of(record, AccessLogFormat::json).contains(R"("protocol":"HTTP/2.0")"));
}

TEST_CASE("a combined line has a dash for what is not known") {
  CHECK(line_of({}, AccessLogFormat::combined) ==
        "- - - [01/Jan/1970:00:00:00 +0000] \"- - HTTP/1.1\" 0 0 \"-\" \"-\"\n");
}

TEST_CASE("bytes from outside cannot forge a line in either format") {
  auto record = tests::sample_record();
  record.target = "/\"\n\\\x7f\xc3\xa9 {}";
  record.user_agent = "a\" 200 0\r\n192.0.2.8";
  const auto combined = line_of(record, AccessLogFormat::combined);
  CHECK(combined.find("/\\x22\\x0a\\x5c\\x7f\\xc3\\xa9 {}") != std::string::npos);
  CHECK(combined.find("\"a\\x22 200 0\\x0d\\x0a192.0.2.8\"\n") != std::string::npos);
  CHECK(bytes_of(json_of(record).at("target")) == record.target);
}

TEST_CASE("each byte at each place of a field survives the way through JSON and breaks no combined line") {
  for (std::size_t length = 1; length <= 17; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(length, 'x');
        text[at] = static_cast<char>(byte);
        obs::Record record;
        record.user_agent = text;
        REQUIRE(bytes_of(json_of(record).at("user_agent")) == text);
        const auto combined = line_of(record, AccessLogFormat::combined);
        REQUIRE(std::ranges::count(combined, '"') == 6);
        REQUIRE(std::ranges::all_of(combined.substr(0, combined.size() - 1),
                                    [](char c) { return c >= ' ' && c < 0x7f; }));
      }
    }
  }
}

TEST_CASE("arbitrary bytes in every field at once give a line that a JSON parser reads") {
  std::mt19937 random(20'260'301);
  for (int round = 0; round < 2'000; ++round) {
    std::string fields[11];
    for (auto& field : fields) {
      field.resize(random() % 600);
      for (auto& c : field) c = static_cast<char>(random());
    }
    obs::Record record = tests::sample_record();
    std::size_t next = 0;
    for (auto* field : {&record.client, &record.method, &record.target, &record.host, &record.site, &record.pool,
                        &record.server, &record.request_id, &record.failure, &record.user_agent, &record.referer}) {
      *field = fields[next++];
    }
    CAPTURE(round);
    CHECK(line_of(record, AccessLogFormat::combined).size() <= obs::LineWriter::bytes_max(record));
    const auto line = json_of(record);
    REQUIRE((record.target.empty() || bytes_of(line.at("target")) == record.target));
  }
}

TEST_CASE("a text beyond its limit is cut and marked") {
  const std::string target(5'000, '\x01');
  const std::string agent(1'025, 'u');
  auto record = tests::sample_record();
  record.target = target;
  record.user_agent = agent;
  CHECK(bytes_of(json_of(record).at("target")) == std::string(4'096, '\x01') + "...");
  CHECK(bytes_of(json_of(record).at("user_agent")) == std::string(1'024, 'u') + "...");
  CHECK(line_of(record, AccessLogFormat::json).size() <= obs::LineWriter::bytes_max(record));
}

TEST_CASE("the time of a line follows the record, forwards and backwards") {
  obs::LineWriter writer(AccessLogFormat::json);
  auto record = tests::sample_record();
  const auto time_of = [&](base::Millis offset) {
    record.at = tests::sample_record().at + offset;
    std::string line(obs::LineWriter::bytes_max(record), '\0');
    line.resize(writer.write(record, line.data()));
    return std::string(boost::json::parse(line).at("time").as_string());
  };
  CHECK(time_of(base::Millis(0)) == "2026-03-01T08:00:00.042Z");
  CHECK(time_of(base::Millis(957)) == "2026-03-01T08:00:00.999Z");
  CHECK(time_of(base::Millis(958)) == "2026-03-01T08:00:01.000Z");
  CHECK(time_of(base::Millis(-43)) == "2026-03-01T07:59:59.999Z");
}
