#include "proxy/serve/worker.h"

#include "proxy/serve/connection.h"

#include <cstring>
#include <netinet/in.h>
#include <utility>

namespace drawbridge::serve {
namespace {

constexpr std::chrono::seconds pause_said_every{10};

http::IpAddress ip_of(const sockaddr_storage& peer) {
  http::IpAddress ip;
  if (peer.ss_family == AF_INET6) {
    std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, 16);
    return ip;
  }
  ip.bytes[10] = ip.bytes[11] = 0xff;
  std::memcpy(ip.bytes.data() + 12, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, 4);
  return ip;
}

}  // namespace

Worker::Worker(Shared& shared, std::size_t index)
    : shared_(shared),
      index_(index),
      counters_(shared.registry.worker(index)),
      log_(shared.access_log.lane(index)),
      workspaces_(buffers_),
      ledger_(*this),
      servers_(loop_, shared.board, counters_, shared.workers) {
  loop_.limit_io(shared.io_bytes_max);
}

Worker::~Worker() = default;

void Worker::run() {
  loop_.run();
}

void Worker::listen(net::UniqueFd fd) {
  net::Listener::Handler& handler = *this;
  listeners_.push_back(std::make_unique<net::Listener>(loop_, std::move(fd), handler));
}

void Worker::begin_shutdown() {
  for (auto& listener : listeners_) listener->close();
  stopping_ = true;
  servers_.close_idle();
  for (auto& connection : connections_) connection.close_if_idle();
  loop_.stop();
}

void Worker::end_all() {
  for (auto& connection : connections_) connection.end();
}

void Worker::accepted(net::UniqueFd fd, const sockaddr_storage& peer) {
  counters_.connections_accepted.add();
  if (shared_.connections.fetch_add(1, std::memory_order_relaxed) >= shared_.connections_max) {
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    counters_.connections_refused.add();
    return;
  }
  loop_.spawn(serve(std::move(fd), ip_of(peer)));
}

net::Task<> Worker::serve(net::UniqueFd fd, http::IpAddress peer) {
  counters_.connections_open.add();
  {
    Connection connection(*this, std::move(fd), peer);
    connections_.push_back(connection);
    co_await connection.run();
  }
  counters_.connections_open.subtract();
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
}

void Worker::accept_paused(int os_error) {
  counters_.accept_pauses.add();
  if (loop_.now() - pause_said_ < pause_said_every) return;
  pause_said_ = loop_.now();
  shared_.events.error("accept_paused", {{"error", std::strerror(os_error)},
                                         {"hint", "raise the limit of open files; `proxyctl doctor` shows it"}});
}

void Worker::drained(std::uint64_t drain_id, const core::ClassCounts& ended) {
  shared_.drained(index_, drain_id, ended);
}

void Worker::epochs_below_ended(std::uint64_t epoch) {
  shared_.epochs_ended(index_, epoch);
}

base::WallTime Worker::wall_now() {
  if (wall_read_ != loop_.now()) {
    wall_read_ = loop_.now();
    wall_now_ = base::now().wall;
  }
  return wall_now_;
}

std::string_view Worker::http_date() {
  const auto second = std::chrono::floor<std::chrono::seconds>(wall_now().time_since_epoch());
  if (second != date_second_) {
    date_second_ = second;
    const auto text = base::format_http_date(wall_now());
    std::memcpy(date_.data(), text.data(), date_.size());
  }
  return {date_.data(), date_.size()};
}

const core::AnswerSet& Worker::no_server_answers(const core::SiteView& site) {
  auto& answers = no_server_[site.id];
  if (!answers) answers = pages::make_no_server_answers(site.name, site.retry_after);
  return *answers;
}

}  // namespace drawbridge::serve
