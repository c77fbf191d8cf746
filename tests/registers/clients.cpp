// Clients that increment and read registers without pause until SIGTERM, one request open each, and record every
// operation:
//
//   register_clients ADDRESS HISTORY CLIENTS REGISTERS READS_PERCENT THINK_US SEED [http2]
//
// A line of HISTORY: client, i (increment) or r (read), register, status (0: no whole answer came), value, start
// and end in nanoseconds. A client notes the start before it sends and the end after it has read. Between two
// requests it thinks for THINK_US on average. What is open at SIGTERM is finished.
#include "tests/registers/codec.h"
#include "tests/registers/sockets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <queue>
#include <random>
#include <string>
#include <sys/epoll.h>
#include <unistd.h>
#include <vector>

namespace drawbridge::registers {
namespace {

constexpr std::int64_t finish_limit_ns = 20'000'000'000;

volatile std::sig_atomic_t told_to_end = 0;

struct Options {
  std::string address, history;
  int clients = 1, registers = 1, reads_percent = 50;
  std::int64_t think_us = 0;
  unsigned seed = 1;
  bool http2 = false;
};

struct Operation {
  int client = 0, register_number = 0, status = 0;
  bool is_read = false;
  std::uint64_t value = 0;
  std::int64_t start = 0, end = 0;
};

struct Client {
  int number = 0;
  int socket = -1;
  std::unique_ptr<Codec> codec;
  std::string in, out;
  bool waits = false;  // for an answer
  Operation current;
};

class Clients {
 public:
  explicit Clients(const Options& options) : options_(options), dice_(options.seed) {
    clients_.resize(static_cast<std::size_t>(options.clients));
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      clients_[i].number = static_cast<int>(i);
      due_.emplace(now_ns(), i);
    }
  }

  void run() {
    std::int64_t end = 0;
    while (true) {
      if (told_to_end != 0 && end == 0) end = now_ns() + finish_limit_ns;
      if (end != 0 && (waiting_ == 0 || now_ns() > end)) return give_up();
      begin_due(end != 0);
      wait_for_answers(end != 0);
    }
  }

  bool write_history() const {
    std::FILE* file = std::fopen(options_.history.c_str(), "w");
    if (file == nullptr) return false;
    for (const auto& one : done_) {
      std::fprintf(file, "%d %c %d %d %llu %lld %lld\n", one.client, one.is_read ? 'r' : 'i', one.register_number,
                   one.status, static_cast<unsigned long long>(one.value), static_cast<long long>(one.start),
                   static_cast<long long>(one.end));
    }
    return std::fclose(file) == 0;
  }

 private:
  void begin_due(bool ending) {
    while (!ending && !due_.empty() && due_.top().first <= now_ns()) {
      auto& client = clients_[due_.top().second];
      due_.pop();
      begin(client);
    }
  }

  void begin(Client& client) {
    auto& one = client.current;
    one = {.client = client.number,
           .register_number = pick(options_.registers),
           .is_read = pick(100) < options_.reads_percent,
           .start = now_ns()};
    client.waits = true;
    ++waiting_;
    if (client.socket < 0) connect(client);
    const auto path = (one.is_read ? "/get/r" : "/inc/r") + std::to_string(one.register_number);
    client.codec->ask(one.is_read ? "GET" : "POST", path, client.out);
    if (client.socket < 0 || !send_some(client.socket, client.out)) lose(client);
  }

  void connect(Client& client) {
    client.socket = connect_to(options_.address);
    client.codec = options_.http2 ? make_http2_codec() : make_http1_codec();
    client.in.clear();
    client.out.clear();
    client.codec->open(client.out);
    if (client.socket < 0) return;
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET,
                      .data = {.u32 = static_cast<std::uint32_t>(client.number)}};
    epoll_ctl(poller_, EPOLL_CTL_ADD, client.socket, &event);
  }

  void wait_for_answers(bool ending) {
    const bool idle = ending || due_.empty();
    const auto left = idle ? 50'000'000 : std::clamp<std::int64_t>(due_.top().first - now_ns(), 0, 50'000'000);
    const timespec wait{.tv_sec = 0, .tv_nsec = left};
    const int count = epoll_pwait2(poller_, ready_.data(), static_cast<int>(ready_.size()), &wait, nullptr);
    for (int i = 0; i < count; ++i) go_on(clients_[ready_[static_cast<std::size_t>(i)].data.u32]);
  }

  void go_on(Client& client) {
    if (client.socket < 0) return;
    const bool open = receive(client.socket, client.in);
    if (auto answer = client.codec->take(client.in, client.out); answer && client.waits) finish(client, *answer);
    if (client.socket >= 0 && (!open || !send_some(client.socket, client.out))) lose(client);
  }

  void finish(Client& client, const Codec::Answer& answer) {
    auto& one = client.current;
    one.status = answer.status;
    std::from_chars(answer.body.data(), answer.body.data() + answer.body.size(), one.value);
    record(client);
    if (answer.closes) lose(client);
  }

  // The connection is over; so is what was open on it.
  void lose(Client& client) {
    if (client.socket >= 0) close(client.socket);
    client.socket = -1;
    if (client.waits) record(client);
  }

  void record(Client& client) {
    client.current.end = now_ns();
    done_.push_back(client.current);
    client.waits = false;
    --waiting_;
    const auto think = options_.think_us == 0 ? 0 : pick(static_cast<int>(2 * options_.think_us));
    // Who was not let in comes back in a moment, not at once.
    const auto pause = client.current.status == 0 ? std::max(think, 1'000) : think;
    due_.emplace(client.current.end + pause * 1'000L, static_cast<std::size_t>(client.number));
  }

  void give_up() {
    for (auto& client : clients_) {
      if (client.waits) record(client);
    }
  }

  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(dice_); }

  Options options_;
  std::mt19937 dice_;
  int poller_ = epoll_create1(EPOLL_CLOEXEC);
  std::array<epoll_event, 256> ready_{};
  std::vector<Client> clients_;
  int waiting_ = 0;
  std::priority_queue<std::pair<std::int64_t, std::size_t>, std::vector<std::pair<std::int64_t, std::size_t>>,
                      std::greater<>>
      due_;
  std::vector<Operation> done_;
};

}  // namespace
}  // namespace drawbridge::registers

int main(int argc, char** argv) {
  using namespace drawbridge::registers;
  if (argc != 8 && argc != 9) {
    std::fputs("usage: register_clients ADDRESS HISTORY CLIENTS REGISTERS READS_PERCENT THINK_US SEED [http2]\n",
               stderr);
    return 2;
  }
  std::signal(SIGTERM, [](int) { told_to_end = 1; });
  Clients clients({.address = argv[1],
                   .history = argv[2],
                   .clients = std::atoi(argv[3]),
                   .registers = std::atoi(argv[4]),
                   .reads_percent = std::atoi(argv[5]),
                   .think_us = std::atol(argv[6]),
                   .seed = static_cast<unsigned>(std::atol(argv[7])),
                   .http2 = argc == 9});
  clients.run();
  return clients.write_history() ? 0 : 1;
}
