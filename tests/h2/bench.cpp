#include "tests/h2/bench.h"

#include <algorithm>

namespace drawbridge::h2 {

void Guest::on_head(bool whole) {
  if (response.status >= 100 && response.interim()) {
    interim.push_back(response.status);
    return;
  }
  has_head = true;
  ended = whole;
}

void Guest::on_refused(const http::Refusal& why, bool whole) {
  refusal = why;
  ended = whole;
}

void Guest::on_data(std::span<const char> data) {
  received.append(data.data(), data.size());
  outstanding += data.size();
}

void Guest::on_end(std::string_view lines) {
  trailers = lines;
  ended = true;
}

http::H2Pulled Guest::on_pull(std::span<char> into) {
  const auto bytes = std::min(into.size(), to_send.size());
  std::copy_n(to_send.begin(), bytes, into.begin());
  to_send.erase(0, bytes);
  const bool last = ends && to_send.empty();
  return {
      .bytes = bytes, .ended = last, .trailers = last ? std::string_view(trailers_to_send) : std::string_view{}};
}

void Guest::on_closed(const http::H2Close& how) {
  closed = true;
  close = how;
  if (when_closed) when_closed();
}

http::H2Options Bench::server_options() {
  return {.role = http::H2Options::Role::server,
          .concurrent_streams_max = 10,
          .stream_window_bytes = 20'000,
          .connection_window_bytes = 100'000,
          .stream_window_bytes_max = 80'000,
          .widened_bytes_max = 100'000,
          .heads = {.head_bytes_max = 12'000, .line_bytes_max = 8'000, .headers_max = 100},
          .extended_connect = true};
}

http::H2Options Bench::client_options() {
  auto options = server_options();
  options.role = http::H2Options::Role::client;
  return options;
}

Bench::Bench(const http::H2Options& options)
    : session(options, *this), server_(options.role == http::H2Options::Role::server) {}

http::H2StreamUser* Bench::on_open(http::H2StreamId stream) {
  if (refuse_all) return nullptr;
  auto& guest = guests[stream] = std::make_unique<Guest>();
  guest->id = stream;
  return guest.get();
}

void Bench::on_goaway(http::H2StreamId last_stream, http::H2Code code) {
  goaways.emplace_back(last_stream, code);
}

void Bench::take_output() {
  std::array<char, 16'384> buffer;
  while (const auto bytes = session.produce(buffer)) output.append(buffer.data(), bytes);
}

bool Bench::receive(std::string_view bytes, std::size_t piece) {
  bool good = true;
  for (std::size_t at = 0; at < bytes.size() && good; at += piece) {
    good = session.receive(bytes.substr(at, piece), now);
    take_output();
  }
  take_output();
  return good;
}

void Bench::greet() {
  receive((server_ ? magic : std::string()) + settings() + settings_ack());
  if (!server_) output.erase(0, magic.size());
  take_frames();
}

std::vector<Frame> Bench::take_frames() {
  take_output();
  return h2::take_frames(output);
}

bool Bench::said(unsigned type) {
  return std::ranges::any_of(take_frames(), [&](const Frame& frame) { return frame.type == type; });
}

Guest& Bench::guest(http::H2StreamId stream) {
  return *guests.at(stream);
}

Guest& Bench::ask(const http::H2Session::Ask& ask, const std::string& body) {
  auto guest = std::make_unique<Guest>();
  guest->to_send = body;
  guest->id = session.request(ask, *guest).value();
  return *(guests[guest->id] = std::move(guest));
}

}  // namespace drawbridge::h2
