#include "proxy/net/fork.h"
#include "proxy/net/stream.h"
#include "proxy/net/tls_client.h"
#include "proxy/net/tls_server.h"
#include "tests/tls/tls_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <sys/socket.h>
#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;

namespace {

constexpr auto every_size = {std::size_t(-1), std::size_t(1)};

// Both sides of connections for "a.example", on one loop.
struct Bench {
  explicit Bench(net::ClientCertificates asked = net::ClientCertificates::none) {
    const auto files = made().issue("a", "DNS:a.example");
    net::TlsServerSpec server_spec{.certificates = {files}, .client_certificates = asked, .name = "bench"};
    if (asked != net::ClientCertificates::none) server_spec.client_ca = made().authority("ca");
    auto made_server = net::TlsServer::make(server_spec, keys);
    REQUIRE(made_server.has_value());
    server = *made_server;
    client = make_client({.ca = made().authority("ca")});
  }

  static std::shared_ptr<const net::TlsClient> make_client(const net::TlsClientSpec& spec) {
    auto made_client = net::TlsClient::make(spec);
    REQUIRE(made_client.has_value());
    return *made_client;
  }

  static tests::TlsFiles& made() {
    static tests::TlsFiles files;
    return files;
  }

  // The streams of a new connection; `raw` keeps the client's side without TLS.
  void connect(bool raw = false) {
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    a = std::make_unique<net::Stream>(loop, net::UniqueFd(fds[0]), base::Fault::client);
    b = std::make_unique<net::Stream>(loop, net::UniqueFd(fds[1]), base::Fault::upstream);
    a->secure(net::TlsServer::accept(server), loop.now() + 5s);
    if (!raw) b->secure(net::TlsClient::connect(client, host, &memory), loop.now() + 5s);
  }

  void run(net::Task<> task) {
    loop.spawn(std::move(task));
    loop.stop();
    loop.run();
    CHECK(loop.failed_tasks() == 0);
  }

  net::TicketKeys keys;
  net::TlsMemory memory;
  std::string host = "a.example";
  std::shared_ptr<const net::TlsServer> server;
  std::shared_ptr<const net::TlsClient> client;
  net::Loop loop;
  std::unique_ptr<net::Stream> a, b;  // server's and client's side
};

net::Task<std::string> collect(net::Stream& stream, std::size_t total) {
  std::string all;
  std::vector<char> buffer(70'000);
  while (all.size() < total) {
    const auto got = co_await stream.read_some(buffer, stream.loop().now() + 5s);
    REQUIRE(got.has_value());
    if (*got == 0) break;
    all.append(buffer.data(), *got);
  }
  co_return all;
}

net::Task<> send(net::Stream& stream, std::string_view text) {
  const auto third = text.size() / 3;
  const std::array<std::string_view, 4> parts{
      text.substr(0, third), text.substr(third, 7), {}, text.substr(std::min(third + 7, text.size()))};
  const auto sent = co_await stream.write(parts, 5000ms);
  CHECK(sent.has_value());
}

net::Task<> echo(net::Stream& stream, std::size_t total) {
  const auto text = co_await collect(stream, total);
  co_await send(stream, text);
}

std::string noise(std::size_t bytes) {
  std::string text;
  std::mt19937 random(7);
  while (text.size() < bytes) text += static_cast<char>(random());
  return text;
}

}  // namespace

TEST_CASE("what is written arrives whole and in order through TLS, with large and with one-byte operations") {
  for (const auto io_bytes : every_size) {
    Bench bench;
    bench.loop.limit_io(io_bytes);
    bench.connect();
    const auto text = noise(io_bytes == 1 ? 40'000 : 3'000'000);
    bench.loop.spawn(echo(*bench.a, text.size()));
    bench.run([](net::Stream& stream, const std::string& sent) -> net::Task<> {
      net::Fork<std::string> reader(collect(stream, sent.size()));
      co_await send(stream, sent);
      const auto back = co_await reader.join();
      CHECK(back == sent);
    }(*bench.b, text));
    CHECK(bench.a->tls().version == "TLSv1.3");
    CHECK(bench.a->tls().server_name == "a.example");
    CHECK(bench.b->bytes_written() == text.size());
    CHECK(bench.b->bytes_read() == text.size());
  }
}

TEST_CASE("an idle server hears nothing of a client's handshake, and of its request only when it is there") {
  Bench bench;
  bench.connect();
  bench.run([](Bench& on) -> net::Task<> {
    net::Fork<net::Stream::Result<void>> server([](net::Stream& stream) -> net::Task<net::Stream::Result<void>> {
      const auto readable = co_await stream.readable(stream.loop().now() + 5s);
      co_return readable;
    }(*on.a));
    const auto connected = co_await on.b->write({}, 5000ms);
    CHECK(connected.has_value());
    CHECK_FALSE(on.a->has_input());
    CHECK_FALSE(server.done());
    co_await send(*on.b, "GET / HTTP/1.1");
    const auto readable = co_await server.join();
    CHECK(readable.has_value());
    CHECK(on.a->has_input());
    const auto text = co_await collect(*on.a, 14);
    CHECK(text == "GET / HTTP/1.1");
    CHECK_FALSE(on.a->has_input());
    CHECK(on.a->quiet());
  }(bench));
}

TEST_CASE("tickets that a server sends are no input of a kept connection") {
  Bench bench;
  bench.connect();
  bench.run([](Bench& on) -> net::Task<> {
    net::Fork<std::string> server(collect(*on.a, 5));
    co_await send(*on.b, "hello");
    const auto heard = co_await server.join();
    CHECK(heard == "hello");
    CHECK_FALSE(on.b->has_input());
    co_await send(*on.a, "world");
    const auto answer = co_await collect(*on.b, 5);
    CHECK(answer == "world");
  }(bench));
}

TEST_CASE("the end of a stream is one only after close_notify; without it the connection was reset") {
  for (const bool polite : {true, false}) {
    CAPTURE(polite);
    Bench bench;
    bench.connect();
    bench.run([](Bench& on, bool politely) -> net::Task<> {
      net::Fork<std::string> client(collect(*on.b, 4));
      co_await send(*on.a, "some");
      const auto some = co_await client.join();
      CHECK(some == "some");
      if (politely) {
        const auto finished = co_await on.a->finish(5000ms);
        CHECK(finished.has_value());
      } else {
        ::shutdown(on.a->fd(), SHUT_WR);
      }
      char byte = 0;
      const auto end = co_await on.b->read_some({&byte, 1}, on.loop.now() + 5s);
      CHECK(end.has_value() == politely);
      if (politely) {
        CHECK(*end == 0);
      } else {
        CHECK(end.error().reason == base::Reason::reset);
        CHECK(end.error().fault == base::Fault::upstream);
      }
    }(bench, polite));
  }
}

TEST_CASE("a handshake that never comes ends at its deadline, and who waits is told") {
  Bench bench;
  bench.connect(true);
  bench.a.reset();
  std::array<int, 2> fds{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
  net::UniqueFd silent(fds[1]);
  net::Stream stream(bench.loop, net::UniqueFd(fds[0]), base::Fault::client);
  stream.secure(net::TlsServer::accept(bench.server), bench.loop.now() + 50ms);
  bench.run([](net::Stream& waiting) -> net::Task<> {
    const auto readable = co_await waiting.readable(waiting.loop().now() + 60s);
    REQUIRE_FALSE(readable.has_value());
    CHECK(readable.error().reason == base::Reason::timed_out);
  }(stream));
}

TEST_CASE("what is not TLS ends the handshake, and the reason is given in words") {
  Bench bench;
  bench.connect(true);
  bench.run([](Bench& on) -> net::Task<> {
    co_await send(*on.b, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    const auto readable = co_await on.a->readable(on.loop.now() + 5s);
    REQUIRE_FALSE(readable.has_value());
    CHECK(readable.error().reason == base::Reason::handshake);
    CHECK(on.a->tls_error() == "http request");
  }(bench));
}

TEST_CASE("a certificate that is not to be trusted is refused, and both sides know why") {
  struct Case {
    const char* what;
    net::TlsClientSpec spec;
    const char* host;
    const char* error;
  };
  const std::vector<Case> cases{
      {"another authority", {.ca = Bench::made().authority("stranger")}, "a.example", "unable to get local issuer"},
      {"another name", {.ca = Bench::made().authority("ca")}, "b.example", "hostname mismatch"},
      {"an address", {.ca = Bench::made().authority("ca")}, "127.0.0.1", "IP address mismatch"},
  };
  for (const auto& [what, spec, host, error] : cases) {
    CAPTURE(what);
    Bench bench;
    bench.client = Bench::make_client(spec);
    bench.host = host;
    bench.connect();
    bench.run([](Bench& on, std::string wanted) -> net::Task<> {
      const auto connected = co_await on.b->write({}, 5000ms);
      REQUIRE_FALSE(connected.has_value());
      CHECK(connected.error().reason == base::Reason::handshake);
      CHECK(on.b->tls_error().find(wanted) != std::string::npos);
      const auto told = co_await on.a->readable(on.loop.now() + 5s);
      REQUIRE_FALSE(told.has_value());
      CHECK(told.error().reason == base::Reason::handshake);
    }(bench, error));
  }
}

TEST_CASE("a client that need not verify takes any certificate") {
  Bench bench;
  bench.client = Bench::make_client({.verify = false});
  bench.host = "10.0.0.1";
  bench.connect();
  bench.run([](Bench& on) -> net::Task<> {
    net::Fork<std::string> server(collect(*on.a, 2));
    co_await send(*on.b, "hi");
    const auto heard = co_await server.join();
    CHECK(heard == "hi");
  }(bench));
}

TEST_CASE("a second connection resumes the first, also after one rotation of the keys, not after all") {
  Bench bench;
  const std::vector<std::pair<int, bool>> rounds{{0, false}, {0, true}, {1, true}, {3, false}};
  for (const auto& [rotations, resumed] : rounds) {
    for (int i = 0; i < rotations; ++i) bench.keys.rotate();
    bench.connect();
    bench.loop.spawn(echo(*bench.a, 2));
    bench.loop.spawn([](net::Stream& client) -> net::Task<> {
      co_await send(client, "hi");
      const auto back = co_await collect(client, 2);
      CHECK(back == "hi");
    }(*bench.b));
    while (bench.loop.tasks() > 0) bench.loop.turn_at(base::SteadyClock::now());
    CHECK(bench.a->tls().resumed == resumed);
  }
}

TEST_CASE("the client's verified certificate is told by its subject") {
  for (const auto asked : {net::ClientCertificates::optional, net::ClientCertificates::required}) {
    for (const bool shown : {true, false}) {
      Bench bench(asked);
      const auto files = Bench::made().issue("alice", "");
      net::TlsClientSpec spec{.ca = Bench::made().authority("ca")};
      if (shown) spec.certificate = files.certificate, spec.key = files.key;
      bench.client = Bench::make_client(spec);
      bench.connect();
      const bool welcome = shown || asked == net::ClientCertificates::optional;
      bench.run([](Bench& on, bool expected, bool with_certificate) -> net::Task<> {
        net::Fork<net::Stream::Result<void>> server(
            [](net::Stream& stream) -> net::Task<net::Stream::Result<void>> {
              const auto readable = co_await stream.readable(stream.loop().now() + 5s);
              co_return readable;
            }(*on.a));
        const std::array<std::string_view, 1> hello{"hello"};
        [[maybe_unused]] const auto sent = co_await on.b->write(hello, 5000ms);
        const auto readable = co_await server.join();
        CHECK(readable.has_value() == expected);
        const auto subject = on.a->tls().client_subject;
        CHECK(subject.has_value() == with_certificate);
        CHECK(subject.value_or("") == (with_certificate ? "CN=alice,O=Example" : ""));
      }(bench, welcome, shown));
    }
  }
}

TEST_CASE("a writer whose peer takes nothing waits for room and runs out of patience") {
  Bench bench;
  bench.connect();
  bench.run([](Bench& on) -> net::Task<> {
    const auto much = noise(4'000'000);
    net::Fork<std::string> client(collect(*on.b, 1));
    co_await send(*on.a, "x");
    const auto first = co_await client.join();
    CHECK(first == "x");
    const std::array<std::string_view, 1> parts{much};
    const auto sent = co_await on.a->write(parts, 50ms);
    REQUIRE_FALSE(sent.has_value());
    CHECK(sent.error().reason == base::Reason::timed_out);
    CHECK(on.a->bytes_written() > 1);
    CHECK(on.a->bytes_written() < much.size());
    const auto finished = co_await on.a->finish(50ms);
    CHECK_FALSE(finished.has_value());
  }(bench));
}
