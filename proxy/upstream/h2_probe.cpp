#include "proxy/upstream/h2_probe.h"

#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::upstream {
namespace {

constexpr std::size_t head_bytes_max = 32 * 1024;
constexpr std::size_t body_bytes_max = 64 * 1024;

// A message of gRPC stands behind a byte (0: not compressed) and its length in four.
const std::string empty_message(5, '\0');
// HealthCheckResponse { status: SERVING }
const std::string serving_message{'\0', '\0', '\0', '\0', '\2', '\x08', '\1'};

std::string head_of(const ProbeTask& task) {
  constexpr std::string_view agent = "User-Agent: drawbridge-probe/" DRAWBRIDGE_VERSION "\r\n\r\n";
  if (task.kind != ProbeKind::grpc) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n{}", task.path, task.host, agent);
  }
  return fmt::format(
      "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: {}\r\nContent-Type: application/grpc\r\n{}", task.host,
      agent);
}

}  // namespace

H2Question::H2Question(const ProbeTask& task)
    : session_({.role = http::H2Options::Role::client}, *this),
      text_(head_bytes_max),
      grpc_(task.kind == ProbeKind::grpc),
      asks_(task.kind != ProbeKind::preface) {
  if (!asks_) return;
  const auto head = head_of(task);
  const auto method = grpc_ ? http::Method::post : http::Method::get;
  session_.request({.head = head, .scheme = task.tls ? "https" : "http", .body_follows = grpc_, .method = method},
                   *this);
}

void H2Question::on_data(std::span<const char> data) {
  body_.append(data.data(), std::min(data.size(), body_bytes_max - body_.size()));
}

void H2Question::on_end(std::string_view trailers) {
  trailers_ = trailers;
  whole_ = true;
}

http::H2Pulled H2Question::on_pull(std::span<char> into) {
  std::ranges::copy(empty_message, into.begin());
  return {.bytes = empty_message.size(), .ended = true};
}

// Among the trailers or, where there is nothing else, in the head.
std::string_view H2Question::grpc_status() const {
  constexpr std::string_view name = "grpc-status: ";
  for (std::string_view rest = trailers_; !rest.empty();) {
    const auto line = rest.substr(0, rest.find("\r\n"));
    if (line.starts_with(name)) return line.substr(name.size());
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
  }
  const auto* const field = response_.headers.find(std::string_view("grpc-status"));
  return field != nullptr ? field->value : std::string_view{};
}

H2Question::Answer H2Question::answer() const {
  if (!asks_) return {.healthy = true, .reason = "speaks HTTP/2"};
  if (!whole_) return {.healthy = false, .reason = "answer broke off"};
  const bool good = response_.status >= 200 && response_.status < 400;
  if (!grpc_ || !good) return {.healthy = good, .reason = fmt::format("status {}", response_.status)};
  const auto status = grpc_status();
  if (status != "0") return {.healthy = false, .reason = fmt::format("grpc-status {}", status)};
  const bool serving = body_ == serving_message;
  return {.healthy = serving, .reason = serving ? "serving" : "not serving"};
}

}  // namespace drawbridge::upstream
