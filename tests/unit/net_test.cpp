#include "proxy/net/fork.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;

namespace {

struct Pair {
  std::unique_ptr<net::Stream> a, b;
};

Pair stream_pair(net::Loop& loop) {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
  return {std::make_unique<net::Stream>(loop, net::UniqueFd(fds[0]), base::Fault::client),
          std::make_unique<net::Stream>(loop, net::UniqueFd(fds[1]), base::Fault::upstream)};
}

net::Task<> echo(net::Stream& stream, std::size_t total) {
  std::vector<char> buffer(4096);
  while (total > 0) {
    const auto got = co_await stream.read_some(buffer, stream.loop().now() + 5s);
    REQUIRE(got.has_value());
    const std::string_view parts[] = {{buffer.data(), *got}};
    const auto sent = co_await stream.write(parts, 5000ms);
    REQUIRE(sent.has_value());
    total -= *got;
  }
}

net::Task<std::string> collect(net::Stream& stream, std::size_t total) {
  std::string all;
  char buffer[1000];
  while (all.size() < total) {
    const auto got = co_await stream.read_some(buffer, stream.loop().now() + 5s);
    REQUIRE(got.has_value());
    REQUIRE(*got > 0);
    all.append(buffer, *got);
  }
  co_return all;
}

net::Task<> send_and_compare(net::Stream& stream, std::string text) {
  net::Fork<std::string> reader(collect(stream, text.size()));
  const auto half = text.size() / 2;
  const std::string_view parts[] = {
      std::string_view(text).substr(0, half), {}, std::string_view(text).substr(half)};
  const auto sent = co_await stream.write(parts, 5000ms);
  const auto back = co_await reader.join();
  CHECK(sent.has_value());
  CHECK(back == text);
}

}  // namespace

TEST_CASE("what is written arrives whole and in order, with large and with one-byte operations") {
  for (const std::size_t io_bytes : {std::size_t(-1), std::size_t(1)}) {
    net::Loop loop;
    loop.limit_io(io_bytes);
    auto pair = stream_pair(loop);
    std::string text;
    std::mt19937 random(7);
    while (text.size() < (io_bytes == 1 ? 5'000 : 3'000'000)) text += static_cast<char>(random());
    loop.spawn(echo(*pair.b, text.size()));
    loop.spawn(send_and_compare(*pair.a, text));
    loop.stop();
    loop.run();
    CHECK(loop.failed_tasks() == 0);
  }
}

TEST_CASE("what the kernel does not take at once is left to a write, and nothing is lost between them") {
  net::Loop loop;
  auto pair = stream_pair(loop);
  std::string text;
  std::mt19937 random(8);
  while (text.size() < 3'000'000) text += static_cast<char>(random());
  const auto send = [](net::Stream& a, net::Stream& b, const std::string& all) -> net::Task<> {
    const auto taken = a.write_now(all);
    REQUIRE(taken.value_or(0) > 0);
    REQUIRE(*taken < all.size());
    CHECK(a.bytes_written() == *taken);
    CHECK(a.write_now(all).value_or(1) == 0);
    net::Fork<std::string> reader(collect(b, all.size()));
    const std::string_view parts[] = {std::string_view(all).substr(*taken)};
    CHECK((co_await a.write(parts, 5000ms)).has_value());
    CHECK((co_await reader.join()) == all);
  };
  loop.spawn(send(*pair.a, *pair.b, text));
  loop.stop();
  loop.run();
  pair.b.reset();
  CHECK(pair.a->write_now("x").error().fault == base::Fault::client);
  pair.a->cancel(base::Reason::cancelled);
  CHECK(pair.a->write_now("x").value_or(1) == 0);
}

TEST_CASE("a task that throws ends alone and is counted, whether it has waited or not") {
  net::Loop loop;
  const auto fail = [](net::Loop& at, bool wait) -> net::Task<> {
    if (wait) co_await at.let_others();
    throw std::bad_alloc();
  };
  loop.spawn(fail(loop, false));
  loop.spawn_soon(fail(loop, true));
  loop.spawn(net::Task<>::done());
  CHECK(loop.tasks() == 1);
  loop.stop();
  loop.run();
  CHECK(loop.tasks() == 0);
  CHECK(loop.failed_tasks() == 2);
}

TEST_CASE("a read that nothing comes for fails at its deadline and the stream stays usable") {
  net::Loop loop;
  auto pair = stream_pair(loop);
  const auto late = [](net::Stream& a, net::Stream& b) -> net::Task<> {
    char buffer[10];
    const auto start = base::SteadyClock::now();
    const auto got = co_await a.read_some(buffer, a.loop().now() + 50ms);
    CHECK_FALSE(got.has_value());
    CHECK(got.error().reason == base::Reason::timed_out);
    CHECK(got.error().fault == base::Fault::client);
    CHECK(base::SteadyClock::now() - start >= 50ms);
    const std::string_view parts[] = {"hello"};
    CHECK((co_await b.write(parts, 1000ms)).has_value());
    const auto next = co_await a.read_some(buffer, a.loop().now() + 5s);
    CHECK(next.value_or(0) == 5);
  };
  loop.spawn(late(*pair.a, *pair.b));
  loop.stop();
  loop.run();
}

TEST_CASE("a write without progress fails after its patience") {
  net::Loop loop;
  auto pair = stream_pair(loop);
  const auto stuck = [](net::Stream& a) -> net::Task<> {
    const std::string text(4'000'000, 'x');
    const std::string_view parts[] = {text};
    const auto sent = co_await a.write(parts, 50ms);
    CHECK_FALSE(sent.has_value());
    CHECK(sent.error().reason == base::Reason::timed_out);
    CHECK(a.bytes_written() > 0);
  };
  loop.spawn(stuck(*pair.a));
  loop.stop();
  loop.run();
}

TEST_CASE("cancel ends waiting reads and writes, and all later ones") {
  net::Loop loop;
  auto pair = stream_pair(loop);
  const auto waiting = [](net::Stream& a) -> net::Task<> {
    char buffer[10];
    const auto got = co_await a.read_some(buffer, a.loop().now() + 5s);
    CHECK(got.error().reason == base::Reason::cancelled);
    CHECK((co_await a.readable(a.loop().now() + 5s)).error().reason == base::Reason::cancelled);
  };
  loop.spawn(waiting(*pair.a));
  loop.post([&] { pair.a->cancel(base::Reason::cancelled); });
  loop.stop();
  loop.run();
}

TEST_CASE("the end of a stream is seen after the bytes before it") {
  net::Loop loop;
  auto pair = stream_pair(loop);
  const auto reading = [](net::Stream& a, net::Stream& b) -> net::Task<> {
    const std::string_view parts[] = {"bye"};
    CHECK((co_await b.write(parts, 1000ms)).has_value());
    b.shutdown_send();
    char buffer[10];
    CHECK((co_await a.read_some(buffer, a.loop().now() + 5s)).value_or(99) == 3);
    CHECK((co_await a.read_some(buffer, a.loop().now() + 5s)).value_or(99) == 0);
    CHECK(a.has_input());
  };
  loop.spawn(reading(*pair.a, *pair.b));
  loop.stop();
  loop.run();
}

TEST_CASE("deadlines fire in time, never early, whatever the distance and however often they move") {
  struct Owner final : net::Deadline::Owner {
    int fired = 0;
    void deadline_passed(net::Deadline&) override { ++fired; }
  };
  const auto start = base::SteadyTime{} + 1000s;
  net::Wheel wheel(start);
  std::mt19937 random(11);
  std::vector<std::unique_ptr<Owner>> owners;
  std::vector<std::unique_ptr<net::Deadline>> deadlines;
  std::vector<base::SteadyTime> due;
  for (int i = 0; i < 500; ++i) {
    owners.push_back(std::make_unique<Owner>());
    deadlines.push_back(std::make_unique<net::Deadline>(wheel, *owners.back()));
    due.push_back(base::SteadyTime::max());
  }
  auto now = start;
  int early = 0, late = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto i = random() % deadlines.size();
    if (random() % 3 != 0) {
      due[i] = now + std::chrono::milliseconds(1 + random() % 100'000);
      deadlines[i]->arm(due[i]);
    } else {
      due[i] = base::SteadyTime::max();
      deadlines[i]->disarm();
    }
    now += std::chrono::milliseconds(random() % 50);
    for (auto& owner : owners) owner->fired = 0;
    wheel.advance(now);
    for (std::size_t k = 0; k < due.size(); ++k) {
      if (owners[k]->fired > 0) {
        if (due[k] > now) ++early;
        due[k] = base::SteadyTime::max();
      } else if (due[k] < now - 2 * net::Wheel::tick) {
        ++late;
      }
    }
  }
  CHECK(early == 0);
  CHECK(late == 0);
}

TEST_CASE("who comes together is let in together, and who comes later is as well") {
  struct Door final : net::Listener::Handler {
    std::vector<net::UniqueFd> inside;
    void accepted(net::UniqueFd fd, const sockaddr_storage&, std::size_t, base::SteadyTime) override {
      inside.push_back(std::move(fd));
    }
    void accept_paused(int) override {}
  };
  auto listening = net::listen_on("127.0.0.1:0");
  REQUIRE(listening.has_value());
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  REQUIRE(getsockname(listening->get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  net::Loop loop;
  Door door;
  net::Listener listener(loop, std::move(*listening), door);
  std::vector<net::UniqueFd> clients;
  for (const std::size_t crowd : {1U, 7U, 1U, 2U}) {
    for (std::size_t i = 0; i < crowd; ++i) {
      auto& client = clients.emplace_back(socket(AF_INET, SOCK_STREAM, 0));
      REQUIRE(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    }
    const auto deadline = base::SteadyClock::now() + 5s;
    while (door.inside.size() < clients.size() && base::SteadyClock::now() < deadline) loop.turn_at(loop.now());
    CHECK(door.inside.size() == clients.size());
  }
  listener.close();
}

TEST_CASE("an address that somebody listens on is not vacant, though workers may share it") {
  auto first = net::listen_on("127.0.0.1:0");
  REQUIRE(first.has_value());
  const auto address = net::bound_address(first->get());
  const auto vacant = net::check_vacant(address);
  REQUIRE_FALSE(vacant.has_value());
  CHECK(vacant.error().message.find("another program has this port") != std::string::npos);
  CHECK(net::listen_on(address).has_value());
  first->reset();
  CHECK(net::check_vacant(address).has_value());
}

TEST_CASE("what is no address to listen on is refused") {
  for (const char* wrong : {"", "8080", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "[::1:80"}) {
    CAPTURE(wrong);
    CHECK_FALSE(net::listen_on(wrong).has_value());
    CHECK_FALSE(net::check_vacant(wrong).has_value());
  }
}
