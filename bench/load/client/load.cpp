#include "bench/load/client/load.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <sys/epoll.h>
#include <unistd.h>

namespace drawbridge::bench {
namespace {

constexpr std::size_t read_bytes_max = 256UL * 1024;
constexpr std::chrono::seconds patience{30};  // for the last answers, and for thousands of first ones
constexpr std::uint64_t failures_max = 100;
constexpr std::chrono::microseconds own_delay_max{100};

std::string render(const Options& options, const std::string& host) {
  std::string text = options.method + " " + options.path + " HTTP/1.1\r\nHost: " + host +
                     "\r\nUser-Agent: bench_client\r\nAccept: " + options.accept + "\r\n";
  if (options.body_bytes > 0) text += "Content-Length: " + std::to_string(options.body_bytes) + "\r\n";
  if (options.close) text += "Connection: close\r\n";
  text += "\r\n";
  return text.append(options.body_bytes, 'x');
}

}  // namespace

Load::Load(Options options)
    : options_(std::move(options)),
      tls_(options_.tls ? make_tls_context() : nullptr),
      poller_(epoll_create1(EPOLL_CLOEXEC)),
      latencies_(options_.hosts.size()),
      room_(read_bytes_max) {
  for (const auto& host : options_.hosts) requests_.push_back(render(options_, host));
  for (std::size_t i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(tls_));
  }
}

Load::~Load() {
  connections_.clear();
  if (tls_ != nullptr) SSL_CTX_free(tls_);
  ::close(poller_);
}

void Load::open(Connection& connection) {
  if (!connection.wire.open(options_.port)) return broken(connection);
  connection.phase = Phase::establishing;
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = &connection}};
  epoll_ctl(poller_, EPOLL_CTL_ADD, connection.wire.fd(), &event);
}

void Load::reopen(Connection& connection) {
  connection.wire.close();
  connection.phase = Phase::closed;
  connection.answer.restart();
  if (over_) return;
  if (options_.rate > 0) {
    free_.push_back(&connection);
    if (!options_.close) open(connection);
    return;
  }
  ask(connection, Clock::now());
}

void Load::broken(Connection& connection) {
  if (connection.asks) --in_flight_;
  connection.asks = false;
  if (++failed_ > failures_max) {
    std::fprintf(stderr, "bench_client: more than %lu requests failed\n", failures_max);
    std::exit(1);
  }
  reopen(connection);
}

void Load::ask(Connection& connection, Clock::time_point since) {
  connection.asks = true;
  connection.since = since;
  connection.sent = 0;
  connection.host = next_host_;
  connection.answer.restart();
  next_host_ = next_host_ + 1 == requests_.size() ? 0 : next_host_ + 1;
  ++in_flight_;
  if (connection.phase == Phase::closed) return open(connection);
  if (connection.phase != Phase::idle) return;  // still being established
  connection.phase = Phase::sending;
  progress(connection);
}

// Goes as far as the kernel lets it.
void Load::progress(Connection& connection) {
  for (bool on = true; on;) {
    switch (connection.phase) {
      case Phase::closed:
        return;
      case Phase::establishing:
        on = establish(connection);
        break;
      case Phase::sending:
        on = send(connection);
        break;
      case Phase::idle:
      case Phase::receiving:
      case Phase::ending:
        on = receive(connection);
        break;
    }
  }
}

bool Load::establish(Connection& connection) {
  const auto step = connection.wire.establish();
  if (step == Wire::Step::failed) broken(connection);
  if (step != Wire::Step::done) return false;
  connection.phase = connection.asks ? Phase::sending : Phase::idle;
  return connection.asks;
}

bool Load::send(Connection& connection) {
  const auto& request = requests_[connection.host];
  const auto count = connection.wire.send(std::string_view(request).substr(connection.sent));
  if (count.step == Wire::Step::failed) broken(connection);
  if (count.step != Wire::Step::done) return false;
  connection.sent += count.bytes;
  if (connection.sent == request.size()) connection.phase = Phase::receiving;
  // Nothing can have come yet: to look would cost a system call in vain.
  return connection.sent < request.size();
}

bool Load::receive(Connection& connection) {
  const auto count = connection.wire.receive(room_);
  if (count.step == Wire::Step::again) return false;
  if (count.step == Wire::Step::failed || count.bytes == 0) {
    // Without a request on it a connection may end; so may one that was answered and was to be closed.
    if (connection.phase == Phase::receiving) {
      broken(connection);
    } else if (connection.phase == Phase::ending) {
      reopen(connection);
    } else {
      connection.wire.close();
      open(connection);
    }
    return false;
  }
  const auto state = connection.answer.take({room_.data(), count.bytes});
  if (state == Answer::State::wrong || connection.phase != Phase::receiving) {
    broken(connection);
    return false;
  }
  if (state == Answer::State::complete) {
    answered(connection);
    return false;
  }
  return options_.tls || count.bytes == room_.size();  // a short read has emptied the socket
}

void Load::answered(Connection& connection) {
  const auto now = Clock::now();
  const auto& answer = connection.answer;
  const bool other = options_.other_status != 0 && answer.status() == options_.other_status;
  const bool right = answer.status() == options_.status && answer.body_bytes() >= options_.answer_bytes_min &&
                     answer.body_bytes() <= options_.answer_bytes_max;
  connection.asks = false;
  --in_flight_;
  others_ += other ? 1 : 0;
  failed_ += other || right ? 0 : 1;
  ++answers_;
  body_bytes_ += answer.body_bytes();
  const auto counts = connection.since >= counted_from_;
  if (counts) latencies_[connection.host].add(static_cast<std::uint64_t>((now - connection.since).count()));
  connection.phase = options_.close ? Phase::ending : Phase::idle;
  if (options_.close) {
    // The end may have come with the answer.
    return progress(connection);
  }
  if (over_) return;
  if (options_.rate > 0) return free_.push_back(&connection);
  if (!options_.idle) ask(connection, now);
}

void Load::ask_what_is_due() {
  const auto now = Clock::now();
  const auto step = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options_.rate));
  for (; next_due_ <= now; next_due_ += step) {
    due_.push_back(next_due_);
    if (next_due_ >= counted_from_ && now - next_due_ > own_delay_max) ++late_;
  }
  while (!due_.empty() && !free_.empty()) {
    auto& connection = *free_.front();
    free_.pop_front();
    ask(connection, due_.front());
    due_.pop_front();
  }
}

void Load::turn(int sleep_ms) {
  std::array<epoll_event, 512> ready;
  const int count = epoll_wait(poller_, ready.data(), static_cast<int>(ready.size()), sleep_ms);
  for (int i = 0; i < count; ++i) progress(*static_cast<Connection*>(ready[static_cast<std::size_t>(i)].data.ptr));
}

// At a given rate: how long a request takes is asked of connections that are there.
void Load::establish_all() {
  const auto deadline = Clock::now() + patience;
  for (auto& connection : connections_) {
    free_.push_back(connection.get());
    if (options_.close) continue;
    open(*connection);
    turn(0);  // a listener's queue has an end
  }
  const auto is_there = [&](const auto& each) { return options_.close || each->phase == Phase::idle; };
  while (!std::ranges::all_of(connections_, is_there) && Clock::now() < deadline) turn(1);
}

void Load::run() {
  const auto seconds = [](double count) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
  };
  if (options_.rate > 0) establish_all();
  start_ = next_due_ = Clock::now();
  counted_from_ = start_ + seconds(options_.warm_seconds);
  end_ = counted_from_ + seconds(options_.seconds);
  for (auto& connection : connections_) {
    if (options_.rate == 0) ask(*connection, start_);
  }
  // At a given rate nothing sleeps, so that no request is late on our account.
  while (Clock::now() < end_) {
    if (options_.rate > 0) ask_what_is_due();
    turn(options_.rate > 0 ? 0 : 100);
  }
  seconds_ = std::chrono::duration<double>(Clock::now() - start_).count();
  over_ = true;
  unsent_ = due_.size();
  while (in_flight_ > 0 && Clock::now() < end_ + patience) turn(100);
  failed_ += in_flight_;
}

bool Load::all_quiet() const {
  return answers_ == connections_.size() && in_flight_ == 0;
}

void Load::wait_idle() {
  const auto deadline = Clock::now() + patience;
  for (auto& connection : connections_) {
    ask(*connection, Clock::now());
    turn(0);  // a listener's queue has an end
  }
  while (!all_quiet() && Clock::now() < deadline) turn(100);
  over_ = true;
  print();
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

void Load::print() const {
  std::printf(
      R"({"answers":%lu,"others":%lu,"failed":%lu,"unsent":%lu,"late":%lu,"body_bytes":%lu,"seconds":%.6f,"hosts":[)",
      answers_, others_, failed_, unsent_, late_, body_bytes_, seconds_);
  for (std::size_t i = 0; i < latencies_.size() && i < 8; ++i) {
    const auto& one = latencies_[i];
    std::printf(R"(%s{"answers":%lu,"p50_us":%.1f,"p99_us":%.1f,"p999_us":%.1f,"max_us":%.1f})", i == 0 ? "" : ",",
                one.total(), one.quantile_us(0.5), one.quantile_us(0.99), one.quantile_us(0.999),
                one.quantile_us(0.9999999));
  }
  std::printf("]}\n");
}

}  // namespace drawbridge::bench
