#include "proxy/admin/metrics_listener.h"

#include "tests/unit/fake_api.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>

#include <string>
#include <thread>

using namespace drawbridge;
namespace asio = boost::asio;

namespace {

std::string ask(std::uint16_t port, const std::string& line) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(), port});
  asio::write(socket, asio::buffer(line + "\r\nHost: x\r\nConnection: close\r\n\r\n"));
  std::string all;
  boost::system::error_code ignored;
  asio::read(socket, asio::dynamic_buffer(all), ignored);
  return all;
}

}  // namespace

TEST_CASE("the metrics listener shows metrics and nothing else") {
  asio::io_context context;
  tests::FakeApi api(context);
  const auto listener = admin::MetricsListener::open(context, "127.0.0.1:0", api);
  REQUIRE(listener.has_value());
  std::thread control([&] { context.run(); });
  const auto port = (*listener)->port();
  const auto metrics = ask(port, "GET /metrics HTTP/1.1");
  CHECK(metrics.starts_with("HTTP/1.1 200"));
  CHECK(metrics.find("text/plain; version=0.0.4") != std::string::npos);
  CHECK(metrics.ends_with("drawbridge_up 1\n"));
  CHECK(ask(port, "GET /v1/status HTTP/1.1").starts_with("HTTP/1.1 404"));
  CHECK(ask(port, "POST /metrics HTTP/1.1").starts_with("HTTP/1.1 405"));
  asio::post(context, [&] { (*listener)->close(); });
  control.join();
  CHECK(api.commands.empty());
}

TEST_CASE("a metrics address that cannot be had is an error with its name") {
  asio::io_context context;
  tests::FakeApi api(context);
  const auto first = admin::MetricsListener::open(context, "127.0.0.1:0", api);
  REQUIRE(first.has_value());
  const auto address = "127.0.0.1:" + std::to_string((*first)->port());
  const auto second = admin::MetricsListener::open(context, address, api);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message == "server.metrics " + address + ": Address already in use");
  CHECK_FALSE(admin::MetricsListener::open(context, "localhost", api).has_value());
}
