#include "tests/loop/visitor.h"

#include "tests/loop/h1_visitor.h"
#include "tests/loop/h2_visitor.h"
#include "tests/loop/transport.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace drawbridge::tests {

void Answer::add(std::string name, std::string value) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto [field, first] = fields.try_emplace(std::move(name), value);
  if (!first) field->second += ", " + value;
}

std::unique_ptr<Visitor> Visitor::arrive(std::uint16_t port) {
  return over(RawSocket::connect(port));
}

std::unique_ptr<Visitor> Visitor::over(RawSocket socket) {
  const auto transport = transport_of_this_run();
  if (transport.tls) socket.secure(transport.http2 ? "h2" : "http/1.1");
  if (transport.http2) return std::make_unique<H2Visitor>(std::move(socket));
  return std::make_unique<H1Visitor>(std::move(socket));
}

std::unique_ptr<Visitor> Visitor::connect(std::uint16_t port) {
  auto visitor = arrive(port);
  visitor->come_in();
  return visitor;
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
