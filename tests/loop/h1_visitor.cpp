#include "tests/loop/h1_visitor.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace drawbridge::tests {
void H1Visitor::begin(const Request& request) {
  const auto length = request.has_body ? fmt::format("Content-Length: {}\r\n", request.body_bytes) : std::string();
  last_ = {};
  socket_.send(
      fmt::format("{} {} HTTP/1.1\r\nHost: a\r\n{}{}\r\n", request.method, request.target, length, request.fields));
}

void H1Visitor::send(std::string_view body) {
  socket_.send(body);
}

Answer H1Visitor::head() {
  const auto text = socket_.read_until("\r\n\r\n");
  REQUIRE(text.starts_with("HTTP/1.1 "));
  last_ = {.status = std::stoi(text.substr(9, 3))};
  auto at = text.find("\r\n") + 2;
  for (auto end = text.find("\r\n", at); end != at; at = end + 2, end = text.find("\r\n", at)) {
    const auto colon = text.find(": ", at);
    last_.add(text.substr(at, colon - at), text.substr(colon + 2, end - colon - 2));
  }
  return last_;
}

std::string H1Visitor::body() {
  const auto length = last_.fields.find("content-length");
  REQUIRE_MESSAGE(length != last_.fields.end(), "servers of these tests send bodies of a known length");
  return socket_.read(std::stoul(length->second));
}

void H1Visitor::ask_tunnel(const std::string& target) {
  socket_.send(
      fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                  target));
}

void H1Visitor::check_opened() {
  CHECK(head().status == 101);
}

std::string H1Visitor::read_to_end() {
  auto rest = socket_.read_to_end();
  CHECK(socket_.end() == RawSocket::End::fin);
  return rest;
}

void H1Visitor::check_broken_off() {
  const auto rest = socket_.read_to_end();
  if (last_.status == 0) {
    CHECK(rest.empty());
    return;
  }
  const auto length = last_.fields.find("content-length");
  const bool counted = length != last_.fields.end();
  CHECK_FALSE((counted ? rest.size() == std::stoul(length->second) : rest.ends_with("0\r\n\r\n")));
  if (socket_.is_secure()) CHECK(socket_.end() != RawSocket::End::fin);
}

void H1Visitor::check_last() {
  CHECK(last_.fields["connection"] == "close");
  check_end();
}

void H1Visitor::check_spent() {
  CHECK(last_.fields["connection"] == "close");
  socket_.finish_sending();
  check_end();
}

void H1Visitor::check_end() {
  CHECK(socket_.read_to_end().empty());
  CHECK(socket_.end() == RawSocket::End::fin);
}

}  // namespace drawbridge::tests
