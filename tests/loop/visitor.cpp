#include "tests/loop/visitor.h"

#include "tests/loop/h1_visitor.h"
#include "tests/loop/h2_visitor.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

namespace drawbridge::tests {

void Answer::add(std::string name, std::string value) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  fields[std::move(name)] = std::move(value);
}

bool over_http2() {
  const auto* transport = std::getenv("DRAWBRIDGE_TEST_TRANSPORT");
  return transport != nullptr && std::string_view(transport) == "h2c";
}

std::unique_ptr<Visitor> Visitor::connect(std::uint16_t port) {
  if (over_http2()) return std::make_unique<H2Visitor>(RawSocket::connect(port));
  return std::make_unique<H1Visitor>(RawSocket::connect(port));
}

void Visitor::post(std::string_view body, const std::string& target) {
  begin({.method = "POST", .target = target, .body_bytes = body.size(), .has_body = true});
  send(body);
}

Answer Visitor::answer() {
  auto answer = head();
  while (answer.status < 200) answer = head();
  answer.body = body();
  return answer;
}

}  // namespace drawbridge::tests
