#include "proxy/serve/relay.h"

#include "proxy/net/buffer_pool.h"
#include "proxy/net/fork.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/serve/body_source.h"
#include "proxy/serve/h1_body.h"
#include "proxy/serve/h1_writer.h"
#include "proxy/serve/input.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>

using namespace drawbridge;
using namespace std::chrono_literals;
using Kind = http::Body::Kind;
using serve::BodySource;

namespace {

void put(serve::Input& input, std::string_view bytes) {
  const auto room = input.room();
  REQUIRE(room.size() >= bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  input.commit(bytes.size());
}

struct Taken {
  std::string body;
  BodySource::State state = BodySource::State::need_more;
};

Taken take_all(BodySource& source, serve::Input& input) {
  Taken taken;
  for (;;) {
    std::span<const char> piece;
    taken.state = source.take(input, piece);
    if (taken.state != BodySource::State::data) return taken;
    taken.body.append(piece.data(), piece.size());
  }
}

struct Bench {
  net::Wheel wheel{base::SteadyTime{}};
  net::BufferPool pool{wheel};
  serve::Input input{pool};
  serve::LazyBuffer head_room{pool};
};

struct Ends {
  std::unique_ptr<net::Stream> far, near;  // the test writes or reads far, the relay has near
};

Ends ends(net::Loop& loop, base::Fault side) {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
  return {std::make_unique<net::Stream>(loop, net::UniqueFd(fds[0]), base::Fault::proxy),
          std::make_unique<net::Stream>(loop, net::UniqueFd(fds[1]), side)};
}

net::Task<base::Result<void>> feed(net::Stream& to, std::string text) {
  const std::string_view parts[] = {text};
  const auto sent = co_await to.write(parts, 5'000ms);
  to.shutdown_send();
  co_return sent;
}

net::Task<std::string> drain(net::Stream& from) {
  std::string all;
  char bytes[4'096];
  for (;;) {
    const auto got = co_await from.read_some(bytes, from.loop().now() + 5s);
    if (!got || *got == 0) co_return all;
    all.append(bytes, *got);
  }
}

class Incoming final : public serve::IncomingBody {
 public:
  Incoming(net::Stream& stream, serve::Input& input) : body(stream, input) {}
  State take(std::span<const char>& piece) override { return body.take(piece); }
  net::Task<base::Result<void>> more(base::SteadyTime deadline) override { return body.more(deadline); }
  bool ended() const override { return body.ended(); }
  std::uint64_t bytes() const override { return body.bytes(); }
  std::string_view trailers() const override { return body.trailers(); }
  base::Failure failure() const override { return body.failure(); }

  serve::H1Body body;
};

class Outgoing final : public serve::OutgoingMessage {
 public:
  Outgoing(net::Stream& stream, serve::LazyBuffer& head_room) : writer(stream, head_room), stream_(stream) {}
  net::Task<base::Result<void>> write(Part part, base::Millis patience) override {
    return writer.write(part, patience);
  }
  bool cancelled() const override { return stream_.cancelled(); }

  serve::H1Writer writer;

 private:
  net::Stream& stream_;
};

struct Relayed {
  base::Result<void> result;
  std::string bytes;
};

net::Task<> relay_between(Ends& client, Ends& server, std::string text, http::Body body, Kind framing,
                          std::uint64_t bytes_max, Relayed& out) {
  Bench bench;
  net::Fork<base::Result<void>> feeder(feed(*client.far, std::move(text)));
  net::Fork<std::string> reader(drain(*server.far));
  Incoming from(*client.near, bench.input);
  from.body.begin(body, base::Fault::client, bytes_max);
  Outgoing to(*server.near, bench.head_room);
  to.writer.begin("HEAD\r\n\r\n", framing);
  out.result = co_await serve::relay_body(
      {.loop = client.near->loop(), .from = from, .read_patience = 5'000ms, .to = to, .write_patience = 5'000ms});
  server.near->shutdown_send();
  client.near->cancel(base::Reason::cancelled);
  client.far->cancel(base::Reason::cancelled);
  co_await feeder.join();
  out.bytes = co_await reader.join();
}

Relayed relay(const std::string& text, http::Body body, Kind framing, std::size_t io_bytes,
              std::uint64_t bytes_max = 0) {
  net::Loop loop;
  loop.limit_io(io_bytes);
  auto client = ends(loop, base::Fault::client);
  auto server = ends(loop, base::Fault::upstream);
  Relayed out;
  loop.spawn(relay_between(client, server, text, body, framing, bytes_max, out));
  loop.stop();
  loop.run();
  return out;
}

// What the chunked text means.
std::string unchunk(const std::string& text) {
  Bench bench;
  BodySource source({.kind = Kind::chunked}, base::Fault::proxy, 0);
  std::string body;
  for (const char byte : text) {
    put(bench.input, {&byte, 1});
    body += take_all(source, bench.input).body;
  }
  CHECK(source.ended());
  return body;
}

// A relay with a loop whose time is in the test's hands, and the far ends of both its sides.
struct Slow {
  Slow() {
    int client[2], server[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, client) == 0);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, server) == 0);
    sender = net::UniqueFd(client[0]);
    taker = net::UniqueFd(server[0]);
    from.emplace(loop, net::UniqueFd(client[1]), base::Fault::client);
    to.emplace(loop, net::UniqueFd(server[1]), base::Fault::upstream);
    loop.spawn(relay(*this));
  }
  static net::Task<> relay(Slow& slow) {
    Bench bench;
    Incoming from(*slow.from, bench.input);
    from.body.begin({.kind = Kind::until_close}, base::Fault::client, 0);
    Outgoing to(*slow.to, bench.head_room);
    to.writer.begin("HEAD\r\n\r\n", Kind::chunked);
    slow.result = co_await serve::relay_body({.loop = slow.loop,
                                              .from = from,
                                              .read_patience = 1'000ms,
                                              .read_rate_min = 1'000'000'000,
                                              .to = to,
                                              .write_patience = 60'000ms});
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    while (loop.turn_at(now)) {
    }
  }
  // As much as goes at this time; whether that was anything.
  bool send(std::string_view bytes) {
    bool any = false;
    while (::send(sender.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
      any = true;
      if (bytes.size() == 1) break;
    }
    pass(0ms);
    return any;
  }
  bool take() {
    static char bytes[65'536];
    bool any = false;
    while (::recv(taker.get(), bytes, sizeof bytes, 0) > 0) any = true;
    pass(0ms);
    return any;
  }

  net::Loop loop;
  base::SteadyTime now = loop.now();
  net::UniqueFd sender, taker;
  std::optional<net::Stream> from, to;
  std::optional<base::Result<void>> result;
};

constexpr std::size_t io_sizes[] = {1, static_cast<std::size_t>(-1)};

}  // namespace

TEST_CASE("a sized body ends with its last byte and leaves what follows") {
  Bench bench;
  BodySource source({.kind = Kind::sized, .bytes = 5}, base::Fault::client, 0);
  put(bench.input, "helloGET / HTTP/1.1");
  const auto taken = take_all(source, bench.input);
  CHECK(taken.state == BodySource::State::ended);
  CHECK(taken.body == "hello");
  CHECK(bench.input.view() == "GET / HTTP/1.1");
}

TEST_CASE("a chunked body ends with its last chunk and leaves what follows") {
  Bench bench;
  BodySource source({.kind = Kind::chunked}, base::Fault::client, 0);
  put(bench.input, "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-A: b\r\n\r\nGET /");
  const auto taken = take_all(source, bench.input);
  CHECK(taken.state == BodySource::State::ended);
  CHECK(taken.body == "abcde");
  CHECK(source.trailers() == "X-A: b\r\n");
  CHECK(bench.input.view() == "GET /");
}

TEST_CASE("the end of the stream completes only a body that ends with it") {
  BodySource until_close({.kind = Kind::until_close}, base::Fault::upstream, 0);
  CHECK(until_close.stream_ended() == BodySource::State::ended);
  for (const auto kind : {Kind::sized, Kind::chunked}) {
    BodySource source({.kind = kind, .bytes = 3}, base::Fault::upstream, 0);
    CHECK(source.stream_ended() == BodySource::State::failed);
    CHECK(source.failure().reason == base::Reason::closed);
    CHECK(source.failure().fault == base::Fault::upstream);
  }
}

TEST_CASE("what was kept stays in place while the rest of the input moves") {
  Bench bench;
  put(bench.input, "HEAD");
  bench.input.consume(4);
  bench.input.keep_consumed();
  const auto head = std::string_view(bench.input.view().data() - 4, 4);
  const std::string block(1'000, 'x');
  for (int i = 0; i < 200; ++i) {
    put(bench.input, block);
    CHECK(bench.input.view() == block);
    bench.input.consume(block.size());
  }
  CHECK(head == "HEAD");
}

TEST_CASE("a relay passes bodies on whole, in one-byte and in whole reads and writes") {
  const std::string chunked = "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-A: b\r\n\r\n";
  for (const auto io_bytes : io_sizes) {
    CAPTURE(io_bytes);
    auto out = relay("hello", {.kind = Kind::sized, .bytes = 5}, Kind::sized, io_bytes);
    CHECK(out.result.has_value());
    CHECK(out.bytes == "HEAD\r\n\r\nhello");
    out = relay(chunked, {.kind = Kind::chunked}, Kind::chunked, io_bytes);
    CHECK(out.result.has_value());
    REQUIRE(out.bytes.starts_with("HEAD\r\n\r\n"));
    CHECK(unchunk(out.bytes.substr(8)) == "abc0123456789abcdef");
    CHECK(out.bytes.ends_with("0\r\nX-A: b\r\n\r\n"));
    out = relay("until the end", {.kind = Kind::until_close}, Kind::chunked, io_bytes);
    CHECK(out.result.has_value());
    CHECK(unchunk(out.bytes.substr(8)) == "until the end");
  }
}

TEST_CASE("a body that breaks off never ends on the other side") {
  for (const auto io_bytes : io_sizes) {
    CAPTURE(io_bytes);
    auto out = relay("hel", {.kind = Kind::sized, .bytes = 5}, Kind::sized, io_bytes);
    REQUIRE_FALSE(out.result.has_value());
    CHECK(out.result.error().reason == base::Reason::closed);
    CHECK(out.bytes == "HEAD\r\n\r\nhel");
    for (const auto* broken :
         {"5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "5\r\nhello\r\n0\r\nX: y\r\n"}) {
      CAPTURE(broken);
      out = relay(broken, {.kind = Kind::chunked}, Kind::chunked, io_bytes);
      CHECK_FALSE(out.result.has_value());
      CHECK_FALSE(out.bytes.ends_with("\r\n0\r\n\r\n"));
    }
  }
}

TEST_CASE("a chunked body above the limit fails as too large and is not completed") {
  for (const auto io_bytes : io_sizes) {
    const auto out =
        relay("4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n", {.kind = Kind::chunked}, Kind::chunked, io_bytes, 6);
    REQUIRE_FALSE(out.result.has_value());
    CHECK(out.result.error().reason == base::Reason::too_large);
    CHECK_FALSE(out.bytes.ends_with("0\r\n\r\n"));
  }
}

TEST_CASE("a body of many buffers arrives byte for byte") {
  std::string text;
  for (int i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i);
  const auto whole = static_cast<std::size_t>(-1);
  const auto out = relay(text, {.kind = Kind::sized, .bytes = text.size()}, Kind::sized, whole);
  CHECK(out.result.has_value());
  CHECK(out.bytes == "HEAD\r\n\r\n" + text);
}

TEST_CASE("the time that a server takes for a body is not held against the pace of who sends it") {
  Slow slow;
  while (slow.send(std::string(65'536, 'x'))) {
  }
  slow.pass(10'000ms);
  while (slow.take()) {
  }
  slow.pass(500ms);
  CHECK_FALSE(slow.result.has_value());
  CHECK(slow.send("x"));
  CHECK(slow.take());
  slow.sender.reset();
  slow.pass(0ms);
  REQUIRE(slow.result.has_value());
  CHECK(slow.result->has_value());
}
