#include "tests/loop/h2_visitor.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <utility>

namespace drawbridge::tests {

H2Visitor::H2Visitor(RawSocket socket) : socket_(std::move(socket)), bench_(h2::Bench::client_options()) {
  flush();
}

void H2Visitor::begin(const Request& request) {
  const auto length = request.has_body ? fmt::format("Content-Length: {}\r\n", request.body_bytes) : std::string();
  const auto head =
      fmt::format("{} {} HTTP/1.1\r\nHost: a\r\n{}{}\r\n", request.method, request.target, length, request.fields);
  body_left_ = request.body_bytes;
  interim_given_ = 0;
  guest_ = &bench_.ask({.head = head, .body_follows = body_left_ > 0});
  guest_->ends = false;
  flush();
}

void H2Visitor::send(std::string_view body) {
  body_left_ -= body.size();
  guest_->to_send += body;
  guest_->ends = body_left_ == 0;
  if (!guest_->closed) bench_.session.resume(guest_->id);
  flush();
  receive_until([this] { return guest_->to_send.empty() || guest_->closed; });
}

Answer H2Visitor::head() {
  receive_until([this] { return guest_->interim.size() > interim_given_ || guest_->has_head || guest_->closed; });
  if (guest_->interim.size() > interim_given_) return {.status = guest_->interim[interim_given_++]};
  if (!guest_->has_head) throw std::runtime_error("the stream ended without an answer");
  Answer answer{.status = guest_->response.status};
  for (const auto& header : guest_->response.headers.all()) {
    answer.add(std::string(header.name), std::string(header.value));
  }
  return answer;
}

std::string H2Visitor::body() {
  receive_until([this] { return guest_->ended || guest_->closed; });
  if (!guest_->ended) throw std::runtime_error("the answer was cut");
  return guest_->received;
}

bool H2Visitor::quiet_for(int milliseconds) {
  const auto received = guest_ == nullptr ? 0 : guest_->received.size();
  const bool headed = guest_ != nullptr && guest_->has_head;
  const auto heard = [&] {
    if (guest_ == nullptr) return false;
    return guest_->has_head != headed || guest_->closed || guest_->interim.size() > interim_given_ ||
           guest_->received.size() > received;
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (!heard()) {  // frames that are no answer make it no longer
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (socket_.quiet_for(std::max(0, static_cast<int>(left.count())))) return true;
    if (!receive()) return false;
  }
  return false;
}

void H2Visitor::ask_tunnel(const std::string& target) {
  receive_until([this] { return bench_.session.other_side_takes_connect(); });
  const auto head = fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n\r\n", target);
  body_left_ = std::numeric_limits<std::size_t>::max();
  guest_ = &bench_.ask({.head = head, .protocol = "websocket", .body_follows = true});
  guest_->ends = false;
  flush();
}

void H2Visitor::check_opened() {
  CHECK(head().status == 200);
}

std::string H2Visitor::read(std::size_t bytes) {
  receive_until([&] { return guest_->received.size() >= bytes || guest_->closed; });
  if (guest_->received.size() < bytes) throw std::runtime_error("the stream ended too early");
  auto taken = guest_->received.substr(0, bytes);
  guest_->received.erase(0, bytes);
  return taken;
}

std::string H2Visitor::read_to_end() {
  receive_until([this] { return guest_->ended || guest_->closed; });
  CHECK(guest_->ended);
  return std::exchange(guest_->received, {});
}

void H2Visitor::finish_sending() {
  body_left_ = 0;
  send({});
}

void H2Visitor::give_up() {
  bench_.session.reset(guest_->id, http::H2Code::cancel);
  flush();
}

void H2Visitor::check_broken_off() {
  while (!guest_->closed && receive()) {
  }
  CHECK_FALSE(guest_->ended);
  if (guest_->closed) CHECK(guest_->close.code != http::H2Code::no_error);
}

void H2Visitor::check_last() {
  check_end();
}

void H2Visitor::check_spent() {
  receive_until([this] { return guest_->closed; });
  CHECK(guest_->close.code == http::H2Code::no_error);
  bench_.session.ping(++pings_);
  flush();
  receive_until([this] { return bench_.pongs.size() == pings_; });
  CHECK(bench_.goaways.empty());
}

void H2Visitor::check_end() {
  while (receive()) {
  }
  CHECK(socket_.end() == RawSocket::End::fin);
  REQUIRE_FALSE(bench_.goaways.empty());
  CHECK(bench_.goaways.back().second == http::H2Code::no_error);
}

bool H2Visitor::receive() {
  const auto bytes = socket_.read_some();
  if (bytes.empty()) return false;
  bench_.receive(bytes);
  for (auto& [id, guest] : bench_.guests) bench_.session.consume(id, std::exchange(guest->outstanding, 0));
  flush();
  return true;
}

void H2Visitor::receive_until(const std::function<bool()>& done) {
  while (!done()) {
    if (!receive()) throw std::runtime_error("the connection ended too early");
  }
}

// A worker that has closed hears no more; what it said before is still to be read.
void H2Visitor::flush() {
  bench_.receive({});
  socket_.try_send(std::exchange(bench_.output, {}));
}

}  // namespace drawbridge::tests
