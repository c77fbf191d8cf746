#include "proxy/app/demo/demo.h"

#include "proxy/app/demo/shop.h"
#include "proxy/app/demo/stage.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/stat.h>

using drawbridge::demo::Demo;
using drawbridge::demo::Stage;

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// A blocking client on one connection; every read ends because the shop answers or closes.
class Visitor {
 public:
  explicit Visitor(std::uint16_t port) : socket_(io_) { socket_.connect({asio::ip::address_v4::loopback(), port}); }

  void send(std::string_view text) { asio::write(socket_, asio::buffer(text)); }

  std::string read_until(std::string_view mark) {
    const std::size_t size = asio::read_until(socket_, asio::dynamic_buffer(received_), std::string(mark));
    std::string text = received_.substr(0, size);
    received_.erase(0, size);
    return text;
  }

  std::string read_to_end() {
    boost::system::error_code ended;
    asio::read(socket_, asio::dynamic_buffer(received_), ended);
    return received_;
  }

 private:
  asio::io_context io_;
  tcp::socket socket_;
  std::string received_;
};

std::string ask(std::uint16_t port, std::string_view request_line, std::string_view body = "",
                std::string_view type = "application/x-www-form-urlencoded") {
  Visitor visitor(port);
  visitor.send(
      fmt::format("{} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Type: {}\r\n"
                  "Content-Length: {}\r\n\r\n{}",
                  request_line, type, body.size(), body));
  return visitor.read_to_end();
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A port that was free a moment ago.
std::uint16_t free_port() {
  asio::io_context io;
  const tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  return acceptor.local_endpoint().port();
}

}  // namespace

TEST_CASE("each shop says on its page and in its answers which version it is") {
  const Demo demo;
  const std::string blue = ask(demo.blue_port(), "GET /");
  CHECK(contains(blue, "HTTP/1.1 200 OK"));
  CHECK(contains(blue, "Served-By: blue v1"));
  CHECK(contains(blue, "<span class=\"badge\">blue v1</span>"));
  CHECK(contains(ask(demo.green_port(), "GET /"), "<span class=\"badge\">green v2</span>"));
  CHECK(contains(ask(demo.green_port(), "GET /healthz"), "green v2 is well"));
}

TEST_CASE("an order taken by one version is listed by both with the version that took it") {
  const Demo demo;
  const std::string taken = ask(demo.blue_port(), "POST /orders", "item=green+tea%21&quantity=2");
  CHECK(contains(taken, "HTTP/1.1 303"));
  CHECK(contains(taken, "Location: /"));
  CHECK(contains(taken, "order 1: 2 x green tea!, taken by blue v1"));
  const std::string json =
      ask(demo.green_port(), "POST /api/orders", R"({"item":"<honey>","quantity":3})", "application/json");
  CHECK(contains(json, "HTTP/1.1 201"));
  CHECK(contains(json, R"("id":2,"item":"<honey>","quantity":3,"taken_by":"green v2")"));
  CHECK(contains(ask(demo.green_port(), "GET /api/orders"),
                 R"("item":"green tea!","quantity":2,"taken_by":"blue v1")"));
  CHECK(contains(ask(demo.blue_port(), "GET /"), "2. 3 × &lt;honey&gt;"));
}

TEST_CASE("an order without an item is refused and not stored") {
  const Demo demo;
  CHECK(contains(ask(demo.blue_port(), "POST /orders", "colour=red"), "HTTP/1.1 422"));
  CHECK(contains(ask(demo.blue_port(), "POST /orders", "{broken", "application/json"), "HTTP/1.1 422"));
  CHECK(contains(ask(demo.blue_port(), "GET /api/orders"), R"("count":0)"));
}

TEST_CASE("a slow request is answered after the time it asked for") {
  const Demo demo;
  const auto before = drawbridge::base::now().steady;
  CHECK(contains(ask(demo.blue_port(), "POST /slow?ms=30", "x"), "blue v1 answered after 30 ms"));
  CHECK(drawbridge::base::now().steady - before >= drawbridge::base::Millis(30));
}

TEST_CASE("the event stream begins at once and names its version") {
  const Demo demo;
  Visitor visitor(demo.green_port());
  visitor.send("GET /events HTTP/1.1\r\nHost: shop\r\n\r\n");
  CHECK(contains(visitor.read_until("\r\n\r\n"), "Content-Type: text/event-stream"));
  CHECK(contains(visitor.read_until("\n\n"), "data: green v2, second 0"));
  CHECK(contains(visitor.read_until("\n\n"), "data: green v2, second 1"));
}

TEST_CASE("a web socket gets back what it sends") {
  const Demo demo;
  Visitor visitor(demo.blue_port());
  visitor.send(
      "GET /ws HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  CHECK(contains(visitor.read_until("\r\n\r\n"), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  visitor.send(std::string_view("\x81\x85\0\0\0\0hello", 11));
  CHECK(contains(visitor.read_until("hello"), "hello"));
}

TEST_CASE("a client that waits for 100 Continue gets it before its body is read") {
  const Demo demo;
  Visitor visitor(demo.blue_port());
  visitor.send(
      "POST /orders HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: "
      "8\r\n\r\n");
  CHECK(visitor.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  visitor.send("item=tea");
  CHECK(contains(visitor.read_to_end(), "taken by blue v1"));
}

TEST_CASE("a connection serves several requests, a HEAD without its body") {
  const Demo demo;
  Visitor visitor(demo.blue_port());
  visitor.send("HEAD /healthz HTTP/1.1\r\nHost: shop\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: shop\r\n\r\n");
  CHECK(contains(visitor.read_until("\r\n\r\n"), "Content-Length: 16"));
  CHECK(contains(visitor.read_until("\r\n\r\n"), "HTTP/1.1 404"));
}

TEST_CASE("the stage is a private folder that is gone afterwards") {
  std::filesystem::path folder;
  {
    const auto stage = Stage::open("127.0.0.1:0");
    REQUIRE(stage.has_value());
    folder = (*stage)->folder();
    struct stat found{};
    REQUIRE(stat(folder.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777U) == 0700U);
    CHECK(std::filesystem::is_directory(folder / "state"));
    CHECK(access((folder / "proxyctl").c_str(), X_OK) == 0);
    const std::string config = (*stage)->config_text();
    CHECK(contains(config, fmt::format("servers = [\"127.0.0.1:{}\"]", (*stage)->shops().blue_port())));
    CHECK(contains(config, fmt::format("admin_socket = \"{}/admin.sock\"", folder.string())));
    CHECK(contains((*stage)->banner("127.0.0.1:8080"), folder.string() + "/proxyctl mode readonly"));
  }
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("two demos at once have a folder each") {
  const auto first = Stage::open("127.0.0.1:0");
  const auto second = Stage::open("127.0.0.1:0");
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK((*first)->folder() != (*second)->folder());
}

TEST_CASE("an address that is taken is refused with the command that works") {
  asio::io_context io;
  const tcp::acceptor other(io, {asio::ip::address_v4::loopback(), free_port()});
  const auto stage = Stage::open(fmt::format("127.0.0.1:{}", other.local_endpoint().port()));
  REQUIRE_FALSE(stage.has_value());
  CHECK(contains(stage.error().message, "is taken by another program; try: proxyd demo --listen 127.0.0.1:"));
}

TEST_CASE("an address that is none is refused with an example") {
  for (const std::string_view listen :
       {"8080", "127.0.0.1:", "127.0.0.1:80x", "localhost:8080", "127.0.0.1:70000"}) {
    CAPTURE(listen);
    const auto stage = Stage::open(listen);
    REQUIRE_FALSE(stage.has_value());
    CHECK(contains(stage.error().message, "such as 127.0.0.1:8081"));
  }
}
