#include "proxy/upstream/probe_runner.h"

#include "proxy/upstream/h2_probe.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::upstream {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t head_bytes_max = 64 * 1024;
constexpr std::uint64_t body_bytes_max = 64 * 1024;
constexpr base::Millis objection_patience{150};  // for a word against how we began

tcp::endpoint to_asio(const net::Endpoint& endpoint) {
  tcp::endpoint converted;
  std::memcpy(converted.data(), endpoint.data(), endpoint.length);
  converted.resize(endpoint.length);
  return converted;
}

http::request<http::empty_body> question(const ProbeTask& task) {
  http::request<http::empty_body> request(http::verb::get, task.path, 11);
  request.set(http::field::host, task.host);
  request.set(http::field::user_agent, "drawbridge-probe/" DRAWBRIDGE_VERSION);
  request.set(http::field::accept, "*/*");
  request.set(http::field::connection, "close");
  return request;
}

// What a person reads: what failed, and how.
std::string describe(std::string_view what, beast::error_code failed, base::Millis timeout) {
  if (failed == beast::error::timeout)
    return fmt::format("{} timed out after {}", what, base::format_duration(timeout));
  return fmt::format("{} failed: {}", what, failed.message());
}

struct Answered {
  bool healthy = false;
  std::string reason;
  bool asked = true;
};

bool is_ours(beast::error_code failed) {
  return failed == asio::error::no_descriptors || failed == boost::system::errc::too_many_files_open_in_system ||
         failed == asio::error::no_memory || failed == asio::error::no_buffer_space;
}

template <class Stream>
asio::awaitable<Answered> ask(Stream& stream, const ProbeTask& task) {
  const auto request = question(task);
  const auto [not_sent, sent] = co_await http::async_write(stream, request, awaited);
  if (not_sent) co_return Answered{false, describe("sending", not_sent, task.timeout)};
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> answer;
  answer.header_limit(head_bytes_max);
  answer.body_limit(body_bytes_max);
  const auto [no_head, head_bytes] = co_await http::async_read_header(stream, buffer, answer, awaited);
  if (no_head) co_return Answered{false, describe("answer", no_head, task.timeout)};
  const auto status = answer.get().result_int();
  // The body decides nothing, but a connection closed with unread bytes is reset, which servers log as an error.
  if (!answer.is_done()) co_await http::async_read(stream, buffer, answer, awaited);
  co_return Answered{status >= 200 && status < 400, fmt::format("status {}", status)};
}

bool is_http1(std::string_view bytes) {
  return bytes.starts_with("HTTP/");
}

// What it is, if it is not: a server begins with SETTINGS (RFC 9113 section 3.4), whose type is in the fourth byte.
const char* other_than_http2(std::string_view begin) {
  constexpr char settings = 4;
  if (is_http1(begin)) return "HTTP/1";
  return begin.size() > 3 && begin[3] != settings ? "something else" : "";
}

template <class Stream>
asio::awaitable<Answered> ask_over_h2(Stream& stream, const ProbeTask& task) {
  H2Question question(task);
  std::vector<char> buffer(16 * 1024);
  bool greeted = false;
  while (!question.over()) {
    while (const auto bytes = question.produce(buffer)) {
      const auto [not_sent, sent] = co_await asio::async_write(stream, asio::buffer(buffer.data(), bytes), awaited);
      if (not_sent) co_return Answered{false, describe("sending", not_sent, task.timeout)};
    }
    if (question.over()) break;
    const auto [not_read, count] = co_await stream.async_read_some(asio::buffer(buffer), awaited);
    if (not_read && !greeted) co_return Answered{false, describe("the preface of HTTP/2", not_read, task.timeout)};
    if (not_read) co_return Answered{false, describe("answer", not_read, task.timeout)};
    if (const auto other = greeted ? "" : other_than_http2(std::string_view(buffer.data(), count)); *other != 0) {
      co_return Answered{false, fmt::format("the server answered {} to the preface of HTTP/2", other)};
    }
    greeted = true;
    if (!question.receive(std::span(buffer).first(count), base::SteadyClock::now())) {
      co_return Answered{false, "the server does not speak HTTP/2"};
    }
  }
  auto [healthy, reason] = question.answer();
  co_return Answered{healthy, std::move(reason)};
}

template <class Stream>
asio::awaitable<Answered> ask_by_kind(Stream& stream, const ProbeTask& task) {
  switch (task.kind) {
    case ProbeKind::connect:
      break;
    case ProbeKind::http1:
      co_return co_await ask(stream, task);
    case ProbeKind::preface:
    case ProbeKind::http2:
    case ProbeKind::grpc:
      co_return co_await ask_over_h2(stream, task);
  }
  co_return Answered{true, "connected"};
}

// In TLS 1.3 a server says only after the handshake that it wants another certificate of its client, or any. Who
// has nothing to say against us leaves when we do.
asio::awaitable<Answered> hear_objections(asio::ssl::stream<beast::tcp_stream&>& secured, const ProbeTask& task) {
  secured.next_layer().expires_after(std::min(task.timeout, objection_patience));
  beast::error_code ignored;
  secured.next_layer().socket().shutdown(tcp::socket::shutdown_send, ignored);
  std::array<char, 1> begin{};
  const auto [failed, count] = co_await secured.async_read_some(asio::buffer(begin), awaited);
  const bool of_tls = failed.category() == asio::error::get_ssl_category();
  const auto refused = net::TlsClient::refusal_of(of_tls ? static_cast<unsigned long>(failed.value()) : 0);
  if (!refused.empty()) co_return Answered{false, "TLS failed: " + refused};
  co_return Answered{true, "connected"};
}

// A server that takes no PROXY header reads a request in it that breaks the rules, and answers that at once. One
// that takes it waits for what follows.
asio::awaitable<Answered> hear_objections(beast::tcp_stream& stream, const ProbeTask& task) {
  stream.expires_after(std::min(task.timeout, objection_patience));
  std::array<char, 5> begin{};
  const auto [failed, count] = co_await stream.async_read_some(asio::buffer(begin), awaited);
  if (is_http1(std::string_view(begin.data(), count))) {
    co_return Answered{false, "the server answered HTTP/1 to the PROXY header: it does not take one"};
  }
  co_return Answered{true, "connected"};
}

// Asio's TLS and not our own stream, which lives on a worker's loop: here a microsecond does not matter.
asio::awaitable<Answered> ask_secured(beast::tcp_stream& stream, const ProbeTask& task) {
  asio::ssl::context context(task.tls->share_context());
  asio::ssl::stream<beast::tcp_stream&> secured(stream, context);
  auto* const ssl = secured.native_handle();
  task.tls->prepare(*ssl, task.tls_host);
  const auto [refused] = co_await secured.async_handshake(asio::ssl::stream_base::client, awaited);
  if (refused) {
    const auto why = net::TlsClient::error_of(*ssl, refused.message());
    const bool late = refused == beast::error::timeout;
    co_return Answered{false, late ? describe("TLS", refused, task.timeout) : "TLS failed: " + why};
  }
  if (!task.tls->takes(net::protocol_of(*ssl))) {
    co_return Answered{false, fmt::format("TLS failed: {}", net::TlsClient::not_agreed)};
  }
  if (task.kind == ProbeKind::connect) co_return co_await hear_objections(secured, task);
  co_return co_await ask_by_kind(secured, task);
}

asio::awaitable<Answered> ask_connected(beast::tcp_stream& stream, const ProbeTask& task) {
  if (!task.greeting.empty()) {
    const auto [not_sent, sent] = co_await asio::async_write(stream, asio::buffer(task.greeting), awaited);
    if (not_sent) co_return Answered{false, describe("sending", not_sent, task.timeout)};
  }
  if (task.tls) co_return co_await ask_secured(stream, task);
  if (task.kind == ProbeKind::connect && !task.greeting.empty()) co_return co_await hear_objections(stream, task);
  co_return co_await ask_by_kind(stream, task);
}

// `stream` is the runner's and outlives the probe.
asio::awaitable<ProbeFinding> probe(beast::tcp_stream& stream, ProbeTask task) {
  const auto start = base::SteadyClock::now();
  stream.expires_after(task.timeout);  // of everything together; it closes the socket, which is all we want here
  const auto [not_connected] = co_await stream.async_connect(to_asio(task.endpoint), awaited);
  Answered answered{true, "connected"};
  if (not_connected) {
    answered = {false, describe("connect", not_connected, task.timeout), !is_ours(not_connected)};
  } else {
    answered = co_await ask_connected(stream, task);
  }
  beast::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  const auto took = std::chrono::duration_cast<base::Millis>(base::SteadyClock::now() - start);
  co_return ProbeFinding{answered.healthy, std::move(answered.reason), took, answered.asked};
}

}  // namespace

struct ProbeRunner::Running {
  explicit Running(asio::io_context& context) : stream(context) {}
  beast::tcp_stream stream;
};

ProbeRunner::ProbeRunner(asio::io_context& context) : context_(context) {}

ProbeRunner::~ProbeRunner() = default;

void ProbeRunner::run(ProbeTask task, Done done) {
  if (stopped_) return;
  if (running_.size() < running_max) {
    start(std::move(task), std::move(done));
  } else {
    waiting_.push_back({std::move(task), std::move(done)});
  }
}

void ProbeRunner::start(ProbeTask task, Done done) {
  const auto running = running_.insert(running_.end(), std::make_unique<Running>(context_));
  auto ended = [this, running, done = std::move(done)](const std::exception_ptr& failed,
                                                       const ProbeFinding& finding) {
    running_.erase(running);
    if (stopped_) return;
    done(failed ? ProbeFinding{.reason = "probe could not run", .asked = false} : finding);
    start_waiting();
  };
  asio::co_spawn(context_, probe((*running)->stream, std::move(task)), std::move(ended));
}

void ProbeRunner::start_waiting() {
  while (!waiting_.empty() && running_.size() < running_max) {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    start(std::move(next.task), std::move(next.done));
  }
}

void ProbeRunner::stop() {
  stopped_ = true;
  waiting_.clear();
  for (const auto& running : running_) running->stream.close();
}

}  // namespace drawbridge::upstream
