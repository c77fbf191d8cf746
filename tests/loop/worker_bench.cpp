#include "tests/loop/worker_bench.h"

#include "proxy/base/time.h"

#include <fmt/format.h>

namespace drawbridge::tests {

WorkerBench::WorkerBench(std::size_t servers) {
  log_ = std::move(*obs::AccessLog::open({}, 1, events_));
  shared_.emplace(board_, registry_, *log_, events_);
  shared_->drained = [](std::size_t, std::uint64_t, const core::ClassCounts&) {};
  shared_->epochs_ended = [](std::size_t, std::uint64_t) {};
  snapshot_ = std::make_unique<core::Snapshot>();
  snapshot_->epoch = 1;
  auto pool = std::make_unique<core::PoolView>();
  pool->name = "blue";
  for (std::size_t i = 0; i < servers; ++i) {
    servers_.push_back(std::make_unique<RawServer>());
    pool->servers.push_back(
        {.id = static_cast<core::ServerId>(i), .address = fmt::format("127.0.0.1:{}", servers_.back()->port())});
  }
  auto site = std::make_unique<core::SiteView>();
  site->name = "web";
  site->pool = pool.get();
  snapshot_->pools.push_back(std::move(pool));
  snapshot_->sites.push_back(std::move(site));
  snapshot_->routes = core::RouteTable({{.hosts = {}, .paths = {"/"}}});
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
  for (const auto& server : pool().servers) {
    board_.watch(server.id, {.fall = 0}, base::now().wall);
    const auto slots = board_.set_addresses(server.id, {*net::parse_endpoint(server.address)}, base::now().wall);
    worker_->post([this, id = server.id, slots] { worker_->servers().set_addresses(id, slots); });
  }
  auto fd = net::listen_on("127.0.0.1:0");
  if (!fd) throw std::runtime_error(fd.error().message);
  port_ = net::parse_endpoint(net::bound_address(fd->get()))->port();
  worker_->listen(std::move(*fd));
  thread_ = std::thread([this] { worker_->run(); });
}

void WorkerBench::begin_shutdown() {
  worker_->post([this] { worker_->begin_shutdown(); });
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

}  // namespace drawbridge::tests
