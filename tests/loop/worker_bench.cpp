#include "tests/loop/worker_bench.h"

#include "pages/answers.h"
#include "proxy/base/time.h"
#include "tests/loop/transport.h"

#include <fmt/format.h>

#include <stdexcept>

namespace drawbridge::tests {

namespace {

std::unique_ptr<core::Snapshot> make_snapshot(std::uint64_t epoch, const core::PoolView& pool) {
  auto snapshot = std::make_unique<core::Snapshot>();
  snapshot->epoch = epoch;
  snapshot->pools.push_back(std::make_unique<core::PoolView>(pool));
  auto site = std::make_unique<core::SiteView>();
  site->name = "web";
  site->pool = snapshot->pools.front().get();
  snapshot->sites.push_back(std::move(site));
  snapshot->routes = core::RouteTable({{.hosts = {}, .paths = {"/"}}});
  return snapshot;
}

}  // namespace

WorkerBench::WorkerBench(std::size_t servers) : door_{.tls = tls_of_this_run(), .h2c = true} {
  log_ = std::move(*obs::AccessLog::open({}, 1, events_));
  shared_.emplace(board_, registry_, *log_, events_);
  shared_->drained = [](std::size_t, std::uint64_t, const core::ClassCounts&) {};
  shared_->ended_unknown = [](std::uint64_t, const core::OpenRequest&) {};
  shared_->epochs_ended = [](std::size_t, std::uint64_t) {};
  core::PoolView pool;
  pool.name = "blue";
  for (std::size_t i = 0; i < servers; ++i) {
    servers_.push_back(std::make_unique<RawServer>());
    pool.servers.push_back(
        {.id = static_cast<core::ServerId>(i), .address = fmt::format("127.0.0.1:{}", servers_.back()->port())});
  }
  snapshot_ = make_snapshot(1, pool);
}

void WorkerBench::hold(core::HoldScope scope) {
  be({.mode = core::Mode::hold, .scope = scope});
}

void WorkerBench::maintain() {
  be({.mode = core::Mode::maintenance});
}

void WorkerBench::be(core::ModeState mode) {
  site().mode = std::move(mode);
  site().answers = pages::make_mode_answers({.site = site().name, .mode = site().mode}, nullptr);
}

void WorkerBench::blink() {
  ask<int>([this](serve::Worker& worker) {
    const auto live = make_snapshot(snapshot_->epoch, pool());
    live->sites.front()->hold = site().hold;
    worker.parking().review(*live);
    return 0;
  });
}

void WorkerBench::publish_live() {
  next_ = make_snapshot(2, pool());
  next_->sites.front()->hold = site().hold;
  shared_->published = next_.get();
}

WorkerBench::~WorkerBench() {
  if (!thread_.joinable()) return;
  worker_->post([this] {
    worker_->begin_shutdown();
    worker_->end_all();
  });
  thread_.join();
}

void WorkerBench::start() {
  shared_->published = snapshot_.get();
  worker_ = std::make_unique<serve::Worker>(*shared_, 0);
  if (!withheld_) tell_addresses();
  auto fd = net::listen_on("127.0.0.1:0");
  if (!fd) throw std::runtime_error(fd.error().message);
  port_ = net::parse_endpoint(net::bound_address(fd->get()))->port();
  worker_->listen(std::move(*fd), door_);
  thread_ = std::thread([this] { worker_->run(); });
}

RawSocket WorkerBench::client() const {
  auto socket = newcomer();
  const auto transport = transport_of_this_run();
  if (transport.tls) socket.secure(transport.http2 ? "h2" : "http/1.1");
  socket.come_in();
  return socket;
}

RawSocket WorkerBench::take_request() {
  auto connection = server().accept();
  connection.read_until("\r\n\r\n");
  return connection;
}

RawSocket WorkerBench::serve_one(Visitor& visitor) {
  visitor.get();
  auto connection = take_request();
  connection.send(ok);
  if (visitor.answer().body != "ok") throw std::runtime_error("no answer");
  return connection;
}

void WorkerBench::tell_addresses() {
  for (const auto& server : pool().servers) {
    board_.watch(server.id, {.fall = 0}, base::now().wall);
    const auto slots = board_.set_addresses(server.id, {*net::parse_endpoint(server.address)}, base::now().wall);
    worker_->post([this, id = server.id, slots] { worker_->servers().set_addresses(id, slots); });
  }
}

void WorkerBench::wait_for_connections(std::uint64_t open) {
  while (registry_.collect().connections_open < open) std::this_thread::yield();
}

void WorkerBench::begin_shutdown(const serve::Parting& parting) {
  ask<bool>([parting](serve::Worker& worker) {
    worker.begin_shutdown(parting);
    return true;
  });
}

void WorkerBench::end_old() {
  worker_->post([this] { worker_->end_old(base::SteadyTime::max()); });
}

void WorkerBench::end_all() {
  worker_->post([this] { worker_->end_all(); });
}

void WorkerBench::join() {
  thread_.join();
}

core::ClassCounts WorkerBench::in_flight() {
  return ask<core::ClassCounts>([](serve::Worker& worker) { return worker.ledger().in_flight(0); });
}

void WorkerBench::wait_for_parked(std::uint64_t count) {
  const auto until = base::SteadyClock::now() + std::chrono::seconds(RawSocket::patience_seconds);
  while (ask<std::uint64_t>([](serve::Worker& worker) { return worker.parking().load(0).waiting; }) != count) {
    if (base::SteadyClock::now() > until) throw std::runtime_error("others wait in the hold than should");
    std::this_thread::yield();
  }
}

}  // namespace drawbridge::tests
