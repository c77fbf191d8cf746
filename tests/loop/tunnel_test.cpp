#include "proxy/http/websocket.h"
#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <future>
#include <string>
#include <thread>

using namespace drawbridge;
using namespace std::string_literals;
using tests::RawSocket;
using tests::Visitor;
using tests::WorkerBench;

namespace {

const std::string going = "\x88\x02\x03\xf4";  // close 1012, unmasked
const std::string text_frame = "\x81\x05hello";

// The answer of a server that has understood the key.
std::string upgraded(const std::string& asked) {
  constexpr std::string_view field = "Sec-WebSocket-Key: ";
  std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n";
  const auto at = asked.find(field);
  if (at == std::string::npos) return head + "\r\n";
  const auto accept = http::make_websocket_accept(asked.substr(at + field.size(), 24));
  return head + "Sec-WebSocket-Accept: " + std::string(accept.view()) + "\r\n\r\n";
}

struct Chat {
  WorkerBench bench;
  std::unique_ptr<Visitor> client;
  std::optional<RawSocket> server;
  std::string asked;

  explicit Chat(std::size_t io_bytes = static_cast<std::size_t>(-1)) {
    bench.limit_io(io_bytes);
    bench.bounds().body_timeout = bench.timing().body = base::Millis(600'000);  // nothing here waits for that
    bench.start();
    client = bench.visitor();
    client->ask_tunnel("/chat");
    server = bench.server().accept();
    asked = server->read_until("\r\n\r\n");
  }
  void switch_over() {
    server->send(upgraded(asked));
    client->check_opened();
  }
  // A fence of a change to readonly.
  static void fence(serve::Worker& worker) {
    const auto classes = core::ClassMask{}.with(core::RequestClass::tunnel);
    worker.ledger().fence(1, {.epoch = 2, .sites = {0}, .classes = classes});
  }
  void tell_to_go() {
    bench.ask<int>([](serve::Worker& worker) {
      fence(worker);
      worker.ledger().tell_tunnels(1, worker.loop().now(), base::Millis(0));
      return 0;
    });
  }
  // A drain whose time is over when its worker hears of it.
  void cut() {
    bench.ask<int>([](serve::Worker& worker) {
      fence(worker);
      worker.ledger().cut(1, worker.loop().now(), true);
      return 0;
    });
  }
  std::string masked_close() {
    auto frame = server->read(8);
    for (std::size_t i = 0; i < 2; ++i) frame[6 + i] = static_cast<char>(frame[6 + i] ^ frame[2 + i]);
    return frame.substr(0, 2) + frame.substr(6);
  }
};

}  // namespace

TEST_CASE("told to go, a WebSocket gets close 1012 on both sides") {
  Chat chat;
  chat.switch_over();
  chat.tell_to_go();
  CHECK(chat.client->read(4) == going);
  CHECK(chat.masked_close() == "\x88\x82\x03\xf4");
}

TEST_CASE("a WebSocket that comes up after it was told to go gets close 1012 all the same") {
  Chat chat;
  chat.tell_to_go();
  chat.switch_over();
  CHECK(chat.client->read(4) == going);
  CHECK(chat.masked_close() == "\x88\x82\x03\xf4");
}

TEST_CASE("the goodbye waits for the end of a frame, also byte by byte") {
  for (const auto io_bytes : {std::size_t{1}, static_cast<std::size_t>(-1)}) {
    CAPTURE(io_bytes);
    Chat chat(io_bytes);
    chat.switch_over();
    chat.server->send(text_frame.substr(0, 4));
    CHECK(chat.client->read(4) == text_frame.substr(0, 4));
    chat.tell_to_go();
    CHECK(chat.masked_close() == "\x88\x82\x03\xf4");
    CHECK(chat.client->quiet_for(50));
    chat.server->send(text_frame.substr(4) + text_frame);
    CHECK(chat.client->read(7) == text_frame.substr(4) + going);
  }
}

TEST_CASE("behind the goodbye nothing is said any more to who has heard it, but the end") {
  Chat chat;
  chat.switch_over();
  chat.tell_to_go();
  CHECK(chat.client->read(4) == going);
  CHECK(chat.masked_close() == "\x88\x82\x03\xf4");
  chat.server->send(text_frame);
  chat.server->close();
  CHECK(chat.client->read_to_end().empty());
}

TEST_CASE("cut before it was told to go, a WebSocket gets close 1012 first, and ends though nobody answers it") {
  Chat chat;
  chat.switch_over();
  const auto begun = base::SteadyClock::now();
  chat.cut();
  CHECK(chat.client->read(4) == going);
  CHECK(chat.masked_close() == "\x88\x82\x03\xf4");
  CHECK(chat.server->read_to_end().empty());
  while (chat.bench.in_flight().total() != 0) std::this_thread::yield();
  CHECK(base::SteadyClock::now() - begun <
        std::chrono::seconds(5));  // that one which is told to go has for its close
}

TEST_CASE("cut in the middle of a frame, a WebSocket gets nothing that could be taken for its rest") {
  Chat chat;
  chat.switch_over();
  chat.server->send(text_frame.substr(0, 4));
  CHECK(chat.client->read(4) == text_frame.substr(0, 4));
  chat.cut();
  chat.client->check_broken_off();
  while (chat.bench.in_flight().total() != 0) std::this_thread::yield();
}

TEST_CASE("a tunnel is cut though neither side takes a byte") {
  Chat chat;
  chat.switch_over();
  const std::string frame = "\x82\x7f" + std::string(8, '\x10') + std::string(1'000'000, 'x');
  auto floods = std::async(std::launch::async, [&] {
    while (chat.server->try_send(frame)) continue;
  });
  CHECK(chat.client->read(2) == frame.substr(0, 2));
  chat.cut();
  while (chat.bench.in_flight().total() != 0) std::this_thread::yield();
  floods.get();
}

TEST_CASE("at shutdown open WebSockets are told to go") {
  Chat chat;
  chat.switch_over();
  chat.bench.begin_shutdown();
  CHECK(chat.client->read(4) == going);
  chat.server->close();
  chat.client->close();
  chat.bench.join();
}

TEST_CASE("one side of a tunnel may end before the other") {
  Chat chat;
  chat.switch_over();
  chat.client->send("last words");
  chat.client->finish_sending();
  CHECK(chat.server->read_to_end() == "last words");
  chat.server->send("and mine");
  chat.server->close();
  CHECK(chat.client->read_to_end() == "and mine");
}
