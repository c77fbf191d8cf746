#include "proxy/upstream/server_watch.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace drawbridge;
using base::Millis;
using boost::asio::ip::tcp;
using upstream::HealthState;

namespace {

// A server on a free loopback port that answers every request with the text it is given now.
class FakeServer {
 public:
  FakeServer(boost::asio::io_context& context, const char* address)
      : acceptor_(context, tcp::endpoint(boost::asio::ip::make_address(address), 0)) {
    accept();
  }
  std::string address() const { return fmt::format("{}:{}", host(), port()); }
  std::string host() const { return acceptor_.local_endpoint().address().to_string(); }
  unsigned port() const { return acceptor_.local_endpoint().port(); }
  void answer_with(std::string text) { answer_ = std::move(text); }
  // Accepts no more and ends what is open.
  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& session : sessions_) session->socket.close(ignored);
    sessions_.clear();
  }

  int connections = 0;
  std::vector<std::string> requests;

 private:
  struct Session {
    explicit Session(tcp::socket its_socket) : socket(std::move(its_socket)) {}
    tcp::socket socket;
    std::string bytes;
    std::string answer;
  };

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& failed, tcp::socket socket) {
      if (failed) return;
      ++connections;
      serve(sessions_.emplace_back(std::make_shared<Session>(std::move(socket))));
      accept();
    });
  }

  // An empty answer is none: the connection stays open in silence until the other side leaves.
  void serve(const std::shared_ptr<Session>& session) {
    boost::asio::async_read_until(session->socket, boost::asio::dynamic_buffer(session->bytes), "\r\n\r\n",
                                  [this, session](const boost::system::error_code& failed, std::size_t) {
                                    if (failed) return;
                                    requests.push_back(session->bytes);
                                    session->bytes.clear();
                                    if (answer_.empty()) return serve(session);
                                    session->answer = answer_;
                                    boost::asio::async_write(session->socket, boost::asio::buffer(session->answer),
                                                             [session](const auto&, std::size_t) {});
                                  });
  }

  tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::string answer_ = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
};

struct TestWatch {
  TestWatch() {
    watch = std::make_unique<upstream::ServerWatch>(
        context, board, events,
        upstream::ServerWatch::Listener{.addresses =
                                            [this](const auto& told) {
                                              addresses[told.server] =
                                                  told.slots.value_or(upstream::EndpointSlots{});
                                            },
                                        .health = [this](const auto& change) { changes.push_back(change); }});
  }
  ~TestWatch() {
    watch->stop();
    for (auto& server : servers) server.close();
    context.run_for(std::chrono::seconds(5));
    CHECK(context.stopped());  // stop() leaves no work behind
  }
  TestWatch(const TestWatch&) = delete;
  TestWatch& operator=(const TestWatch&) = delete;

  FakeServer& serve() { return servers.emplace_back(context, "127.0.0.1"); }

  bool run_until(const std::function<bool()>& condition) {
    const auto deadline = base::SteadyClock::now() + std::chrono::seconds(8);
    while (!condition() && base::SteadyClock::now() < deadline) context.run_one_for(Millis(50));
    return condition();
  }
  bool reaches(core::ServerId server, HealthState state) {
    return run_until([&] { return board.health(server).state == state; });
  }
  std::string event_names() const {
    std::string names;
    for (const auto& event : events.since(0)) names += (names.empty() ? "" : " ") + event.name;
    return names;
  }

  boost::asio::io_context context;
  base::EventLog events{false};
  upstream::HealthBoard board;
  std::list<FakeServer> servers;
  std::map<core::ServerId, upstream::EndpointSlots> addresses;
  std::vector<upstream::HealthBoard::Change> changes;
  std::unique_ptr<upstream::ServerWatch> watch;
};

upstream::Target target_of(core::ServerId id, const std::string& address, const std::string& path = "/healthz") {
  upstream::Target target;
  target.id = id;
  target.pool = "blue";
  target.address = address;
  target.health.path = path;
  target.health.interval = Millis(20);
  target.health.timeout = Millis(3'000);
  target.health.rise = 2;
  target.health.fall = 3;
  target.resolve_interval = Millis(30);
  return target;
}

}  // namespace

TEST_CASE("a numeric address is known and usable as soon as it is watched") {
  TestWatch test;
  test.watch->set_targets({target_of(3, "127.0.0.1:1")});
  REQUIRE(test.addresses[3].size() == 1);
  CHECK(test.addresses[3][0].text() == "127.0.0.1:1");
  CHECK(test.board.eligible(3, base::now().steady));
}

TEST_CASE("a server that answers its health path is up, and is asked as itself") {
  TestWatch test;
  auto& server = test.serve();
  test.watch->set_targets({target_of(0, server.address())});
  REQUIRE(test.reaches(0, HealthState::up));
  REQUIRE_FALSE(server.requests.empty());
  CHECK(server.requests[0].starts_with("GET /healthz HTTP/1.1\r\n"));
  CHECK(server.requests[0].find(fmt::format("Host: {}\r\n", server.address())) != std::string::npos);
  CHECK(server.requests[0].find("User-Agent: drawbridge-probe/") != std::string::npos);
  CHECK(test.board.health(0).endpoints[0].reason == "status 200");
}

TEST_CASE("the configured host goes into the probe") {
  TestWatch test;
  auto& server = test.serve();
  auto target = target_of(0, server.address());
  target.health.host = "shop.internal";
  test.watch->set_targets({target});
  REQUIRE(test.reaches(0, HealthState::up));
  CHECK(server.requests[0].find("Host: shop.internal\r\n") != std::string::npos);
}

TEST_CASE("a server goes down after as many bad probes as configured and comes back after as many good ones") {
  TestWatch test;
  auto& server = test.serve();
  test.watch->set_targets({target_of(0, server.address())});
  REQUIRE(test.reaches(0, HealthState::up));
  server.answer_with("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
  const auto good_before = server.requests.size();
  REQUIRE(test.reaches(0, HealthState::down));
  CHECK(server.requests.size() - good_before >= 3);
  CHECK(server.requests.size() - good_before <= 4);  // one may have been under way
  CHECK_FALSE(test.board.eligible(0, base::now().steady));
  CHECK(test.board.health(0).reason == "status 500");
  server.answer_with("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n");
  const auto bad_before = server.requests.size();
  REQUIRE(test.reaches(0, HealthState::up));
  CHECK(server.requests.size() - bad_before >= 2);
  CHECK(test.event_names() == "server_up server_down server_up");
  REQUIRE(test.changes.size() == 3);
  CHECK(test.changes[1].reason == "status 500");
}

TEST_CASE("each way to fail a probe is named") {
  struct Row {
    const char* answer;
    const char* reason;
  };
  const Row rows[] = {{"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status 503"},
                      {"HTTP/1.1 404 Nope\r\n\r\n", "status 404"},
                      {"SSH-2.0-OpenSSH\r\n\r\n", "answer failed: bad version"},
                      {"", "answer timed out after 300ms"}};
  for (const auto& row : rows) {
    CAPTURE(row.reason);
    TestWatch test;
    auto& server = test.serve();
    server.answer_with(row.answer);
    auto target = target_of(0, server.address());
    if (*row.answer == '\0') target.health.timeout = Millis(300);
    test.watch->set_targets({target});
    CHECK(test.reaches(0, HealthState::down));
    CHECK(test.board.health(0).reason == row.reason);
  }
}

TEST_CASE("a server that nobody runs is down at its first probe") {
  TestWatch test;
  auto& server = test.serve();
  const auto address = server.address();
  server.close();
  test.watch->set_targets({target_of(0, address)});
  REQUIRE(test.reaches(0, HealthState::down));
  CHECK(test.board.health(0).reason == "connect failed: Connection refused");
  CHECK(test.board.health(0).endpoints[0].failures == 1);
}

TEST_CASE("without a path a connection that opens is healthy") {
  TestWatch test;
  auto& server = test.serve();
  test.watch->set_targets({target_of(0, server.address(), "")});
  REQUIRE(test.reaches(0, HealthState::up));
  CHECK(server.requests.empty());
  CHECK(test.board.health(0).endpoints[0].reason == "connected");
}

TEST_CASE("without active checks nothing is probed until requests fail, and a success brings it back") {
  TestWatch test;
  auto& server = test.serve();
  auto target = target_of(0, server.address());
  target.health.active = false;
  test.watch->set_targets({target});
  const auto now = base::now().steady;
  for (int i = 0; i < 3; ++i) test.board.report_failure(0, 0, base::Reason::refused, now);
  REQUIRE(test.reaches(0, HealthState::down));
  CHECK(test.board.health(0).reason == "3 requests failed, last: refused");
  test.board.report_success(0, 0);
  REQUIRE(test.run_until([&] { return test.board.health(0).state != HealthState::down; }));
  CHECK(server.connections == 0);
  CHECK(test.event_names() == "server_down server_up");
}

TEST_CASE("a server that is no longer probed does not stay down") {
  TestWatch test;
  auto& server = test.serve();
  server.answer_with("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
  auto target = target_of(0, server.address());
  test.watch->set_targets({target});
  REQUIRE(test.reaches(0, HealthState::down));
  target.health.active = false;
  test.watch->set_targets({target});
  CHECK(test.board.eligible(0, base::now().steady));
}

TEST_CASE("targets that stay the same go on, others are forgotten") {
  TestWatch test;
  auto& first = test.serve();
  auto& second = test.serve();
  test.watch->set_targets({target_of(0, first.address()), target_of(1, second.address())});
  REQUIRE(test.reaches(0, HealthState::up));
  REQUIRE(test.reaches(1, HealthState::up));
  const auto since = test.board.health(0).since;
  test.watch->set_targets({target_of(0, first.address())});
  CHECK(test.board.health(0).state == HealthState::up);
  CHECK(test.board.health(0).since == since);
  CHECK_FALSE(test.board.eligible(1, base::now().steady));
  const auto asked = first.requests.size();
  CHECK(test.run_until([&] { return first.requests.size() > asked + 2; }));
  CHECK(test.event_names() == "server_up server_up");
}

TEST_CASE("watching the same again asks nothing again") {
  TestWatch test;
  auto& patient = test.serve();
  auto& other = test.serve();
  auto target = target_of(0, patient.address());
  target.health.interval = std::chrono::hours(1);
  test.watch->set_targets({target});
  REQUIRE(test.reaches(0, HealthState::up));
  test.watch->set_targets({target, target_of(1, other.address())});
  REQUIRE(test.reaches(1, HealthState::up));
  CHECK(patient.requests.size() == 1);
}

TEST_CASE("another policy takes effect at once and does not forget what the probes have found") {
  TestWatch test;
  auto& server = test.serve();
  server.answer_with("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
  auto target = target_of(0, server.address());
  test.watch->set_targets({target});
  REQUIRE(test.reaches(0, HealthState::down));
  server.answer_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const auto asked = server.requests.size();
  target.health.rise = 6;
  test.watch->set_targets({target});
  REQUIRE(test.reaches(0, HealthState::up));
  CHECK(server.requests.size() - asked >= 6);
}

TEST_CASE("all addresses of a name are probed and used, each on its own") {
  TestWatch test;
  auto& v4 = test.serve();
  test.watch->set_targets({target_of(0, fmt::format("localhost:{}", v4.port()))});
  CHECK(test.board.health(0).state == HealthState::unknown);
  REQUIRE(test.reaches(0, HealthState::up));
  const auto health = test.board.health(0);
  REQUIRE_FALSE(test.addresses[0].empty());
  for (const auto& endpoint : health.endpoints) {
    CHECK((endpoint.state == HealthState::up || endpoint.endpoint.address() == "::1"));
  }
}

TEST_CASE("a name that does not resolve is said once, with the reason, and retried") {
  TestWatch test;
  test.watch->set_targets({target_of(0, "nowhere.invalid:80")});
  REQUIRE(test.reaches(0, HealthState::down));
  CHECK(test.board.health(0).reason.starts_with("name not resolved: "));
  test.run_until([&, until = base::SteadyClock::now() + Millis(200)] { return base::SteadyClock::now() > until; });
  CHECK(test.event_names() == "resolve_failed server_down");
}

TEST_CASE("a check on demand tells about each address, whatever its interval") {
  TestWatch test;
  auto& good = test.serve();
  auto& bad = test.serve();
  bad.answer_with("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
  auto patient = target_of(0, good.address());
  patient.health.interval = std::chrono::hours(1);
  auto passive = target_of(2, good.address());
  passive.health.active = false;
  test.watch->set_targets({patient, target_of(1, bad.address()), passive});
  std::vector<upstream::ProbeResult> results;
  test.watch->check_now({0, 1, 2, 99}, [&](auto found) { results = std::move(found); });
  CHECK(results.empty());
  REQUIRE(test.run_until([&] { return !results.empty(); }));
  REQUIRE(results.size() == 4);
  CHECK((results[0].server == 0 && results[0].healthy && results[0].reason == "status 200"));
  CHECK((results[1].server == 1 && !results[1].healthy && results[1].reason == "status 500"));
  CHECK((results[2].server == 2 && results[2].healthy && results[2].reason == "connected"));
  CHECK((results[3].server == 99 && !results[3].healthy && results[3].reason == "no address is known"));
}

TEST_CASE("a check of no server is answered too, after the call") {
  TestWatch test;
  bool answered = false;
  test.watch->check_now({}, [&](const auto& results) { answered = results.empty(); });
  CHECK_FALSE(answered);
  CHECK(test.run_until([&] { return answered; }));
}

TEST_CASE("more servers than may be probed at once all get their turn") {
  TestWatch test;
  auto& server = test.serve();
  std::vector<upstream::Target> targets;
  for (core::ServerId id = 0; id < 200; ++id) targets.push_back(target_of(id, server.address()));
  test.watch->set_targets(targets);
  for (core::ServerId id = 0; id < 200; ++id) {
    CAPTURE(id);
    CHECK(test.reaches(id, HealthState::up));
  }
}

TEST_CASE("a watch may end with probes under way and a context that runs no more") {
  boost::asio::io_context context;
  base::EventLog events{false};
  upstream::HealthBoard board;
  FakeServer silent(context, "127.0.0.1");
  silent.answer_with("");
  upstream::ServerWatch watch(context, board, events, {.addresses = [](const auto&) {}, .health = {}});
  watch.set_targets({target_of(0, silent.address()), target_of(1, "localhost:1")});
  while (silent.requests.empty()) context.run_one_for(Millis(50));
  CHECK(board.health(0).state == HealthState::unknown);
}
