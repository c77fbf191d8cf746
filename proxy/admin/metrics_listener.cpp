#include "proxy/admin/metrics_listener.h"

#include "proxy/admin/slot.h"
#include "proxy/net/endpoint.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <utility>

namespace drawbridge::admin {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t sessions_max = 32;
constexpr std::size_t request_bytes_max = 16 * 1024;
constexpr base::Millis request_patience{10'000};
constexpr base::Millis answer_patience{5'000};
constexpr base::Millis accept_pause{100};

http::response<http::string_body> plain(http::status status, std::string body) {
  http::response<http::string_body> response{status, 11};
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = std::move(body);
  return response;
}

}  // namespace

class MetricsListener::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, Api& api) : context_(context), api_(api), acceptor_(context), pause_(context) {}

  base::Expected<void> listen(const std::string& address) {
    const auto wrong = [&](const std::string& why) {
      return std::unexpected(base::Error{fmt::format("server.metrics {}: {}", address, why)});
    };
    const auto parsed = net::parse_endpoint(address);
    if (!parsed) return wrong("this is not an IP address with a port");
    tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), parsed->data(), parsed->length);
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return wrong(error.message());
    return {};
  }

  void start() { asio::co_spawn(context_, accept(shared_from_this()), asio::detached); }

  std::uint16_t port() const {
    boost::system::error_code ignored;
    return acceptor_.local_endpoint(ignored).port();
  }

  void close() {
    closing_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  asio::awaitable<void> accept(std::shared_ptr<Impl> self) {
    while (!self->closing_) {
      if (self->sessions_ >= sessions_max) {
        co_await self->wait_a_little();
        continue;
      }
      auto [error, socket] = co_await self->acceptor_.async_accept(as_result);
      if (self->closing_) co_return;
      if (error) {
        co_await self->wait_a_little();
        continue;
      }
      ++self->sessions_;
      // What it can throw is no memory; the scraper sees a closed connection and asks again.
      asio::co_spawn(self->context_, self->serve(beast::tcp_stream(std::move(socket))),
                     [self](const std::exception_ptr&) { --self->sessions_; });
    }
  }

  asio::awaitable<void> wait_a_little() {
    pause_.expires_after(accept_pause);
    co_await pause_.async_wait(as_result);
  }

  asio::awaitable<void> serve(beast::tcp_stream stream) {
    beast::flat_buffer buffer(request_bytes_max);
    bool keep_alive = true;
    while (keep_alive && !closing_) {
      http::request_parser<http::empty_body> parser;
      stream.expires_after(request_patience);
      const auto [error, bytes] = co_await http::async_read(stream, buffer, parser, as_result);
      if (error) break;
      auto response = co_await answer(parser.get().method_string(), parser.get().target());
      keep_alive = parser.get().keep_alive();
      response.keep_alive(keep_alive);
      response.prepare_payload();
      stream.expires_after(request_patience);
      const auto [failed, written] = co_await http::async_write(stream, response, as_result);
      if (failed) break;
    }
    beast::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  asio::awaitable<http::response<http::string_body>> answer(beast::string_view method, beast::string_view target) {
    if (target.substr(0, target.find('?')) != "/metrics") {
      co_return plain(http::status::not_found, "There is only /metrics here.\n");
    }
    if (method != "GET") {
      auto refused = plain(http::status::method_not_allowed, "Only GET.\n");
      refused.set(http::field::allow, "GET");
      co_return refused;
    }
    const auto slot = std::make_shared<Slot<std::string>>(context_.get_executor());
    api_.metrics(fill<std::string>(slot));
    const auto begin = base::SteadyClock::now();
    while (!slot->value && base::SteadyClock::now() - begin < answer_patience) co_await slot->pause();
    if (!slot->value) co_return plain(http::status::service_unavailable, "The workers did not answer in time.\n");
    auto response = plain(http::status::ok, std::move(*slot->value));
    response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    co_return response;
  }

  asio::io_context& context_;
  Api& api_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::size_t sessions_ = 0;
  bool closing_ = false;
};

base::Expected<std::unique_ptr<MetricsListener>> MetricsListener::open(asio::io_context& context,
                                                                       const std::string& address, Api& api) {
  auto impl = std::make_shared<Impl>(context, api);
  if (auto listening = impl->listen(address); !listening) return std::unexpected(listening.error());
  impl->start();
  return std::unique_ptr<MetricsListener>(new MetricsListener(std::move(impl)));
}

MetricsListener::MetricsListener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

MetricsListener::~MetricsListener() {
  impl_->close();
}

std::uint16_t MetricsListener::port() const {
  return impl_->port();
}

void MetricsListener::close() {
  impl_->close();
}

}  // namespace drawbridge::admin
