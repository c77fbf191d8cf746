#include "proxy/base/ascii.h"
#include "proxy/http/reader.h"
#include "tests/wire/body_text.h"
#include "tests/wire/response_cases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

using namespace drawbridge;
using namespace drawbridge::http;
using wire::WireCase;

namespace {

// The form of the tables: status 1.x body keep|close [length=N] [upgrade=…] [interim] [switching].
std::string describe(const ResponseHead& head) {
  auto text = fmt::format("{} 1.{} {} {}", head.status, head.minor_version, wire::describe(head.body),
                          head.keep_alive ? "keep" : "close");
  if (head.has_content_length) text += fmt::format(" length={}", head.content_length);
  if (!head.upgrade.empty()) text += fmt::format(" upgrade={}", head.upgrade);
  if (head.interim()) text += " interim";
  if (head.switching) text += " switching";
  return text;
}

Asked asked_by(const WireCase& row) {
  if (row.name.starts_with("to HEAD")) return {.method = Method::head, .upgrade = {}};
  if (row.name == "101 to WebSocket") return {.method = Method::get, .upgrade = "websocket"};
  return {};
}

std::string read_by_steps(const WireCase& row, std::size_t step) {
  static ResponseHead head;
  HeadScanner scanner(HeadScanner::Side::response, HeadLimits{});
  for (std::size_t length = step;; length = std::min(length + step, row.bytes.size())) {
    const auto buffer = row.bytes.substr(0, length);
    const auto scan = scanner.scan(buffer);
    if (scan.state == HeadScanner::State::refused) return std::string(scan.refusal.rule);
    if (scan.state == HeadScanner::State::complete) {
      const auto refusal = parse_response(buffer, asked_by(row), HeadLimits{}, head);
      return refusal ? std::string(refusal->rule) : describe(head);
    }
    if (length == row.bytes.size()) return "need_more";
  }
}

}  // namespace

TEST_CASE("each response of the tables is judged as its row says") {
  for (const auto* table : {&wire::refused_responses, &wire::accepted_responses}) {
    for (const auto& row : *table) {
      CAPTURE(row.name);
      CHECK(read_by_steps(row, row.bytes.size()) == row.expected);
    }
  }
}

TEST_CASE("a response that has come as a whole is taken in one pass exactly if it is accepted") {
  static ResponseHead head;
  for (const auto& row : wire::refused_responses) {
    CAPTURE(row.name);
    CHECK(take_response(row.bytes + "body", asked_by(row), HeadLimits{}, head) == 0);
  }
  for (const auto& row : wire::accepted_responses) {
    CAPTURE(row.name);
    const auto with_body = row.bytes + "body";
    CHECK(take_response(with_body, asked_by(row), HeadLimits{}, head) == row.bytes.size());
    CHECK(describe(head) == row.expected);
  }
}

TEST_CASE("a response is judged alike when it comes one byte at a time") {
  for (const auto* table : {&wire::refused_responses, &wire::accepted_responses}) {
    for (const auto& row : *table) {
      CAPTURE(row.name);
      CHECK(read_by_steps(row, row.bytes.size() > 4'000 ? 97 : 1) == row.expected);
    }
  }
}

TEST_CASE("an upgrade is believed only if it is the one that was asked for") {
  static ResponseHead head;
  const std::string bytes = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
  const auto judge = [&](std::string_view upgrade) {
    return parse_response(bytes, {.method = Method::get, .upgrade = upgrade}, HeadLimits{}, head).has_value();
  };
  CHECK_FALSE(judge("websocket"));
  CHECK(judge("tcp"));
  CHECK(judge(""));
}

TEST_CASE("a field is known by all bytes of its name, in either case, however little follows it") {
  static ResponseHead head;
  const auto kind_of = [](std::string_view field_name, std::string_view value, std::string_view rest) {
    const auto bytes = fmt::format("HTTP/1.1 200 OK\r\n{}: {}\r\n{}\r\n", field_name, value, rest);
    const auto refusal = parse_response(bytes, {}, HeadLimits{}, head);
    REQUIRE_MESSAGE(!refusal, bytes);
    CHECK(head.headers.all().front().name == field_name);
    return head.headers.all().front().field;
  };
  const std::string_view long_line = "X-Something-Else: 0123456789012345678901234567890123456789\r\n";
  for (std::size_t i = 1; i < field_count; ++i) {
    const auto field = static_cast<Field>(i);
    const std::string_view value = field == Field::transfer_encoding ? "chunked" : "1";
    for (const auto rest : {std::string_view{}, long_line}) {
      std::string text(name(field));
      CHECK(kind_of(text, value, rest) == field);
      for (char& c : text) c = base::to_upper(c);
      CHECK(kind_of(text, value, rest) == field);
      for (std::size_t at = 0; at < text.size(); ++at) {
        auto other = text;
        other[at] = other[at] == 'Q' ? 'J' : 'Q';
        CHECK(kind_of(other, value, rest) == Field::other);
        if (base::is_alpha(text[at])) continue;
        other[at] = static_cast<char>(text[at] ^ 0x20);  // the bit that tells a letter's case makes it a control
        CHECK(
            parse_response(fmt::format("HTTP/1.1 200 OK\r\n{}: 1\r\n{}\r\n", other, rest), {}, HeadLimits{}, head));
      }
    }
  }
}
