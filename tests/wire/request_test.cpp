#include "proxy/http/chars.h"
#include "proxy/http/reader.h"
#include "tests/wire/accepted_request_cases.h"
#include "tests/wire/body_text.h"
#include "tests/wire/refused_framing_cases.h"
#include "tests/wire/refused_request_cases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::http;
using wire::WireCase;

namespace {

// The form of the tables: METHOD target host 1.x body keep|close [upgrade=…] [expect].
std::string describe(const RequestHead& head) {
  auto text = fmt::format("{} {}", head.method_text, head.path);
  if (head.has_query) text += fmt::format("?{}", head.query);
  text += fmt::format(" {} 1.{} {} {}", head.authority.empty() ? "-" : head.authority, head.minor_version,
                      wire::describe(head.body), head.keep_alive ? "keep" : "close");
  if (!head.upgrade.empty()) text += fmt::format(" upgrade={}", head.upgrade);
  if (head.expects_continue) text += " expect";
  return text;
}

std::string parse(std::string_view bytes) {
  static RequestHead head;
  const auto refusal = parse_request(bytes, HeadLimits{}, head);
  return refusal ? std::string(refusal->rule) : describe(head);
}

// What is taken at once when all of it has come, and more; empty if that is left to the scanner.
std::string take(const std::string& bytes) {
  static RequestHead head;
  const auto with_next = bytes + "GET / HTTP/1.1\r\n\r\n";
  const auto taken = take_request(with_next, HeadLimits{}, head);
  CHECK((taken == 0 || taken == bytes.size()));
  return taken != 0 ? describe(head) : std::string();
}

// Feeds the first part, then ever `step` bytes more, from a fresh copy each time as a buffer that moves would.
std::string read_in_parts(const std::string& bytes, std::size_t first, std::size_t step) {
  HeadScanner scanner(HeadScanner::Side::request, HeadLimits{});
  for (auto length = first;; length = std::min(length + step, bytes.size())) {
    const auto buffer = bytes.substr(0, length);
    const auto scan = scanner.scan(buffer);
    if (scan.state == HeadScanner::State::refused) return std::string(scan.refusal.rule);
    if (scan.state == HeadScanner::State::complete) {
      CHECK(scan.end == bytes.size());
      return parse(std::string_view(buffer).substr(scan.begin, scan.end - scan.begin));
    }
    if (length == bytes.size()) return "need_more";
  }
}

// Where the head ends that the scanner finds and the judge accepts; 0 if there is none.
std::size_t scan_and_parse(const std::string& bytes) {
  static RequestHead head;
  const auto scan = HeadScanner(HeadScanner::Side::request, HeadLimits{}).scan(bytes);
  if (scan.state != HeadScanner::State::complete || scan.begin != 0) return 0;
  return parse_request(bytes.substr(0, scan.end), HeadLimits{}, head) ? 0 : scan.end;
}

std::vector<WireCase> all_cases() {
  std::vector<WireCase> all;
  for (const auto* table : {&wire::refused_lines_and_fields, &wire::refused_request_lines, &wire::refused_hosts,
                            &wire::refused_framings, &wire::accepted_requests}) {
    all.insert(all.end(), table->begin(), table->end());
  }
  return all;
}

}  // namespace

TEST_CASE("each request of the tables is judged as its row says") {
  for (const auto& row : all_cases()) {
    CAPTURE(row.name);
    CHECK(read_in_parts(row.bytes, row.bytes.size(), 1) == row.expected);
  }
}

TEST_CASE("a request that has come as a whole is taken in one pass exactly if it is accepted") {
  for (const auto& row : all_cases()) {
    CAPTURE(row.name);
    const auto taken = take(row.bytes);
    CHECK((taken.empty() || taken == row.expected));
  }
  for (const auto& row : wire::accepted_requests) {
    CAPTURE(row.name);
    CHECK(take(row.bytes).empty() == row.bytes.starts_with("\r\n"));
  }
}

TEST_CASE("whatever byte stands wherever in a request, one pass takes what two accept") {
  const auto good =
      wire::get("X-A: 1\r\nAccept-Encoding: gzip, br\r\nX_B:\t2 \r\nContent-Length: 0\r\n") + "GET / HTTP/1.1\r\n";
  static RequestHead head;
  std::size_t differing = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      auto bytes = good;
      bytes[at] = static_cast<char>(byte);
      if (take_request(bytes, HeadLimits{}, head) != scan_and_parse(bytes)) ++differing;
      bytes.erase(at, byte % 3);
      if (take_request(bytes, HeadLimits{}, head) != scan_and_parse(bytes)) ++differing;
    }
  }
  CHECK(differing == 0);
}

TEST_CASE("a byte may stand anywhere in a path, or in a query, or nowhere") {
  static RequestHead head;
  const auto accepted = [](const std::string& target) {
    return !parse_request("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", HeadLimits{}, head);
  };
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == ' ') continue;
    for (std::size_t before = 0; before < 36; ++before) {
      const auto part = std::string(before, 'a') + c + std::string(35 - before, 'b');
      CAPTURE(part);
      CHECK(accepted("/" + part) == (is(c, path_char) || c == '?'));
      CHECK(accepted("/?" + part) == is(c, query_char));
    }
  }
}

TEST_CASE("a request is judged alike when it comes one byte at a time") {
  for (const auto& row : all_cases()) {
    CAPTURE(row.name);
    const std::size_t step = row.bytes.size() > 4'000 ? 97 : 1;
    CHECK(read_in_parts(row.bytes, 0, step) == row.expected);
  }
}

TEST_CASE("a request is judged alike wherever it is split in two") {
  for (const auto& row : all_cases()) {
    if (row.bytes.size() > 1'000) continue;
    for (std::size_t at = 0; at < row.bytes.size(); ++at) {
      CAPTURE(row.name);
      CAPTURE(at);
      CHECK(read_in_parts(row.bytes, at, row.bytes.size()) == row.expected);
    }
  }
}

TEST_CASE("what the tables refuse is refused by the judge alone, without the scanner before it") {
  std::vector<WireCase> refused = wire::refused_lines_and_fields;
  for (const auto* table : {&wire::refused_request_lines, &wire::refused_hosts, &wire::refused_framings}) {
    refused.insert(refused.end(), table->begin(), table->end());
  }
  static RequestHead head;
  for (const auto& row : refused) {
    CAPTURE(row.name);
    CHECK(parse_request(row.bytes, HeadLimits{}, head).has_value());
  }
}

TEST_CASE("every prefix of a good request asks for more and is no request by itself") {
  const auto bytes = wire::post("Content-Length: 5\r\nX: y\r\n");
  static RequestHead head;
  HeadScanner scanner(HeadScanner::Side::request, HeadLimits{});
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CAPTURE(n);
    CHECK(scanner.scan(bytes.substr(0, n)).state == HeadScanner::State::need_more);
    CHECK(scanner.started() == (n > 0));
    CHECK(parse_request(std::string_view(bytes).substr(0, n), HeadLimits{}, head).has_value());
  }
}

TEST_CASE("the scanner stops at the end of the head, whatever follows") {
  const auto head = wire::target("/a");
  for (const std::string& rest : {std::string("hello"), wire::target("/b"), std::string("\0\n\r", 3)}) {
    HeadScanner scanner(HeadScanner::Side::request, HeadLimits{});
    auto bytes = "\r\n" + head;
    bytes += rest;
    const auto scan = scanner.scan(bytes);
    CHECK(scan.state == HeadScanner::State::complete);
    CHECK(scan.begin == 2);
    CHECK(scan.end == 2 + head.size());
  }
}

TEST_CASE("a head is judged only if it is one head and nothing more") {
  static RequestHead head;
  for (const std::string& rest : {std::string("x"), std::string("\r\n"), wire::target("/b")}) {
    const auto bytes = wire::target("/a") + rest;
    CHECK(parse_request(bytes, HeadLimits{}, head).has_value());
  }
}

TEST_CASE("an empty line on an idle connection starts no request") {
  HeadScanner scanner(HeadScanner::Side::request, HeadLimits{});
  for (const char* bytes : {"", "\r", "\r\n"}) {
    CHECK(scanner.scan(bytes).state == HeadScanner::State::need_more);
    CHECK_FALSE(scanner.started());
  }
  CHECK(scanner.scan("\r\nG").state == HeadScanner::State::need_more);
  CHECK(scanner.started());
  scanner.reset();
  CHECK_FALSE(scanner.started());
}

TEST_CASE("limits hold exactly, to the byte and to the field") {
  const auto request = wire::get("X: a\r\n");
  const std::size_t line_bytes = std::string("GET / HTTP/1.1").size();
  const auto judge = [&](const HeadLimits& limits) {
    static RequestHead head;
    HeadScanner scanner(HeadScanner::Side::request, limits);
    const auto scan = scanner.scan(request);
    if (scan.state == HeadScanner::State::refused) return std::string(scan.refusal.rule);
    const auto refusal = parse_request(request, limits, head);
    return refusal ? std::string(refusal->rule) : std::string("accepted");
  };
  CHECK(judge({.head_bytes_max = request.size(), .line_bytes_max = line_bytes, .headers_max = 2}) == "accepted");
  CHECK(judge({.head_bytes_max = request.size() - 1}) == "head_too_large");
  CHECK(judge({.line_bytes_max = line_bytes - 1}) == "line_too_long");
  CHECK(judge({.headers_max = 1}) == "too_many_fields");
}

TEST_CASE("what an application is told of a request is what came") {
  static RequestHead head;
  const std::string request =
      "GET http://A.Example:8080/a%20b?c=d HTTP/1.1\r\nhost: a.example:8080\r\nCOOKIE: x\r\nX-y:z\r\n\r\n";
  REQUIRE_FALSE(parse_request(request, HeadLimits{}, head).has_value());
  CHECK(head.method == Method::get);
  CHECK(head.target == "http://A.Example:8080/a%20b?c=d");
  CHECK(head.absolute_form);
  CHECK(head.host == "a.example");
  CHECK(head.port == "8080");
  CHECK(head.headers.size() == 3);
  CHECK(head.headers.value(Field::cookie) == "x");
  CHECK(head.headers.find("x-Y")->value == "z");
  CHECK(head.headers.find(Field::accept) == nullptr);
  CHECK(head.headers.find("Accept") == nullptr);
}

TEST_CASE("a head parsed again remembers nothing of the one before") {
  static RequestHead head;
  const auto full = wire::post("Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n");
  const auto plain = wire::target("/");
  const auto bare = wire::get_1_0("");
  REQUIRE_FALSE(parse_request(full, HeadLimits{}, head));
  REQUIRE_FALSE(parse_request(plain, HeadLimits{}, head));
  CHECK(describe(head) == "GET / a.example 1.1 none keep");
  CHECK_FALSE(head.headers.has(Field::expect));
  REQUIRE_FALSE(parse_request(bare, HeadLimits{}, head));
  CHECK(head.host.empty());
}
