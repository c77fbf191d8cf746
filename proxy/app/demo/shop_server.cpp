#include "proxy/app/demo/shop_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <utility>

namespace drawbridge::demo {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t body_bytes_max = 64UL * 1024;
constexpr auto silence_max = seconds(300);
constexpr auto slow_max = milliseconds(60'000);
constexpr auto accept_pause = milliseconds(100);

using Request = http::request<http::string_body>;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

std::pair<std::string_view, std::string_view> split_target(const Request& request) {
  const std::string_view target = view(request.target());
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {target, {}};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

// Reads one request whole; the 100 that a careful client waits for is sent before its body is read.
asio::awaitable<bool> read_request(beast::tcp_stream& stream, beast::flat_buffer& buffer, Request& request) {
  http::request_parser<http::string_body> parser;
  parser.body_limit(body_bytes_max);
  stream.expires_after(silence_max);
  const auto [head_failed, head_bytes] = co_await http::async_read_header(stream, buffer, parser, as_result);
  if (head_failed) co_return false;
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    const auto [failed, sent] =
        co_await asio::async_write(stream, asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25), as_result);
    if (failed) co_return false;
  }
  const auto [failed, bytes] = co_await http::async_read(stream, buffer, parser, as_result);
  request = parser.release();
  co_return !failed;
}

asio::awaitable<bool> write_reply(beast::tcp_stream& stream, const Version& version, const Request& request,
                                  Reply reply) {
  http::response<http::string_body> response(static_cast<http::status>(reply.status), request.version());
  response.set("Served-By", version.name);
  response.set(http::field::content_type, reply.content_type);
  if (!reply.location.empty()) response.set(http::field::location, reply.location);
  response.keep_alive(request.keep_alive());
  response.content_length(reply.body.size());
  if (request.method() != http::verb::head) response.body() = std::move(reply.body);
  stream.expires_after(silence_max);
  const auto [failed, bytes] = co_await http::async_write(stream, response, as_result);
  co_return !failed && response.keep_alive();
}

Reply slow_reply(const Version& version, milliseconds waited) {
  Reply reply;
  reply.body = fmt::format("{} answered after {} ms\n", version.name, waited.count());
  return reply;
}

asio::awaitable<milliseconds> take_time(std::string_view query) {
  long wanted = 1'000;
  const std::string text = form_value(query, "ms");
  std::from_chars(text.data(), text.data() + text.size(), wanted);
  const milliseconds pause = std::clamp(milliseconds(wanted), milliseconds(0), slow_max);
  asio::steady_timer timer(co_await asio::this_coro::executor, pause);
  co_await timer.async_wait(as_result);
  co_return pause;
}

// One event a second until the client is gone.
asio::awaitable<void> send_events(beast::tcp_stream& stream, const Version& version, const Request& request) {
  http::response<http::empty_body> head(http::status::ok, request.version());
  head.set("Served-By", version.name);
  head.set(http::field::content_type, "text/event-stream");
  head.set(http::field::cache_control, "no-store");
  head.chunked(true);
  http::response_serializer<http::empty_body> serializer(head);
  const auto [head_failed, head_bytes] = co_await http::async_write_header(stream, serializer, as_result);
  if (head_failed) co_return;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int second = 0;; ++second) {
    const std::string event = fmt::format("data: {}, second {}\n\n", version.name, second);
    stream.expires_after(silence_max);
    const auto [failed, bytes] =
        co_await asio::async_write(stream, http::make_chunk(asio::buffer(event)), as_result);
    if (failed) co_return;
    timer.expires_after(seconds(1));
    co_await timer.async_wait(as_result);
  }
}

asio::awaitable<void> echo(beast::tcp_stream stream, Request request) {
  stream.expires_never();
  beast::websocket::stream<beast::tcp_stream> socket(std::move(stream));
  socket.set_option(beast::websocket::stream_base::timeout::suggested(beast::role_type::server));
  socket.read_message_max(body_bytes_max);
  const auto [refused] = co_await socket.async_accept(request, as_result);
  beast::flat_buffer message;
  while (!refused) {
    const auto [read_failed, got] = co_await socket.async_read(message, as_result);
    if (read_failed) co_return;
    socket.text(socket.got_text());
    const auto [write_failed, sent] = co_await socket.async_write(message.data(), as_result);
    if (write_failed) co_return;
    message.consume(message.size());
  }
}

asio::awaitable<void> serve(tcp::socket socket, const Version& version, OrderBook& book) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  Request request;
  while (co_await read_request(stream, buffer, request)) {
    const auto [path, query] = split_target(request);
    if (path == "/ws" && beast::websocket::is_upgrade(request)) {
      co_await echo(std::move(stream), std::move(request));
      co_return;
    }
    if (path == "/events" && request.method() == http::verb::get) {
      co_await send_events(stream, version, request);
      co_return;
    }
    Reply reply;
    if (path == "/slow") {
      const milliseconds waited = co_await take_time(query);
      reply = slow_reply(version, waited);
    } else {
      reply = answer(version, book,
                     {view(request.method_string()), path, query, view(request[http::field::content_type]),
                      view(request[http::field::accept]), request.body(), base::now().wall});
    }
    const bool goes_on = co_await write_reply(stream, version, request, std::move(reply));
    if (!goes_on) break;
  }
  beast::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

// The last word of a coroutine that nobody awaits: what it threw is said, not swallowed.
void report(const std::exception_ptr& thrown) {
  if (!thrown) return;
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    fmt::print(stderr, "demo shop: {}\n", error.what());
  }
}

}  // namespace

ShopServer::ShopServer(asio::io_context& io, Version version, OrderBook& book)
    : version_(std::move(version)),
      book_(book),
      acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      port_(acceptor_.local_endpoint().port()) {
  asio::co_spawn(io, accept_loop(), report);
}

asio::awaitable<void> ShopServer::accept_loop() {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer pause(executor);
  while (true) {
    auto [failed, socket] = co_await acceptor_.async_accept(as_result);
    if (failed == asio::error::operation_aborted) co_return;
    if (failed) {
      // Out of descriptors: trying at once again would be a busy loop.
      pause.expires_after(accept_pause);
      co_await pause.async_wait(as_result);
      continue;
    }
    beast::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    asio::co_spawn(executor, serve(std::move(socket), version_, book_), report);
  }
}

}  // namespace drawbridge::demo
