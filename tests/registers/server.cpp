// A server of counters in memory. `register_server [WORK_US] [PORT]` says on standard output where it listens; the
// work is the longest time that a request takes it.
//
//   POST /inc/NAME  adds one, at the end of the work, and answers the new value     GET /get/NAME  the value
//   GET /dump, POST /load   all of it, for who copies it                            GET /log       what was added,
//   when
#include "tests/registers/sockets.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace drawbridge::registers {
namespace {

struct Connection {
  std::uint64_t number = 0;
  std::string unread, unsent;
  bool busy = false;
};

struct Request {
  std::string method, path, body;
};

struct Work {
  std::int64_t due;
  int socket;
  std::uint64_t connection;  // its number: the socket's may be another's by then
  Request request;
  bool operator>(const Work& other) const { return due > other.due; }
};

class Server {
 public:
  Server(std::int64_t work_us, std::uint16_t port) : work_us_(work_us), listener_(listen_on(port)) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener_}};
    epoll_ctl(poller_, EPOLL_CTL_ADD, listener_, &event);
    std::printf("127.0.0.1:%d\n", port_of(listener_));
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> ready{};
    while (true) {
      const auto left = work_.empty() ? 1'000'000'000 : std::max<std::int64_t>(0, work_.top().due - now_ns());
      const timespec wait{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
      const int count = epoll_pwait2(poller_, ready.data(), static_cast<int>(ready.size()), &wait, nullptr);
      for (int i = 0; i < count; ++i) {
        const int socket = ready[static_cast<std::size_t>(i)].data.fd;
        if (socket == listener_) {
          accept_all();
        } else if (!serve(socket)) {
          close(socket);
          connections_.erase(socket);
        }
      }
      finish_work();
    }
  }

 private:
  void accept_all() {
    while (true) {
      const int socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      connections_[socket].number = ++accepted_;
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = socket}};
      epoll_ctl(poller_, EPOLL_CTL_ADD, socket, &event);
    }
  }

  bool serve(int socket) {
    auto& connection = connections_[socket];
    if (!receive(socket, connection.unread)) return false;
    if (!connection.busy) begin(socket, connection);
    return send_some(socket, connection.unsent);
  }

  void begin(int socket, Connection& connection) {
    const auto message = first_message(connection.unread);
    if (!message) return;
    const auto space = message->line.find(' ');
    const auto path = message->line.substr(space + 1, message->line.rfind(' ') - space - 1);
    Request request{.method = std::string(message->line.substr(0, space)),
                    .path = std::string(path),
                    .body = std::string(message->body)};
    connection.unread.erase(0, message->size);
    if (work_us_ == 0 || request.path.find('/', 1) == std::string::npos) return answer(connection, request);
    connection.busy = true;
    const auto work_us = std::uniform_int_distribution<std::int64_t>(0, work_us_)(dice_);
    work_.push({now_ns() + work_us * 1000, socket, connection.number, std::move(request)});
  }

  // A client that has left does not stop the work: that is what servers do.
  void finish_work() {
    while (!work_.empty() && work_.top().due <= now_ns()) {
      const auto work = work_.top();
      work_.pop();
      const auto found = connections_.find(work.socket);
      if (found == connections_.end() || found->second.number != work.connection) {
        static_cast<void>(result(work.request));
        continue;
      }
      auto& connection = found->second;
      connection.busy = false;
      answer(connection, work.request);
      if (!send_some(work.socket, connection.unsent)) shutdown(work.socket, SHUT_RDWR);
      begin(work.socket, connection);
    }
  }

  void answer(Connection& connection, const Request& request) {
    const auto text = result(request);
    connection.unsent += "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  }

  std::string result(const Request& request) {
    if (request.path.starts_with("/inc/") && request.method == "POST") {
      const auto name = request.path.substr(5);
      const auto value = ++registers_[name];
      log_ += std::to_string(now_ns()) + " " + name + " " + std::to_string(value) + "\n";
      return std::to_string(value);
    }
    if (request.path.starts_with("/get/")) return std::to_string(registers_[request.path.substr(5)]);
    if (request.path == "/log") return log_;
    if (request.path == "/dump") return dump();
    if (request.path == "/load") load(request.body);
    return "ok\n";
  }

  std::string dump() const {
    std::string text;
    for (const auto& [name, value] : registers_) text += name + " " + std::to_string(value) + "\n";
    return text;
  }

  void load(const std::string& text) {
    registers_.clear();
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      const auto space = text.find(' ', at);
      registers_[text.substr(at, space - at)] = std::strtoull(text.c_str() + space, nullptr, 10);
      at = end + 1;
    }
  }

  std::int64_t work_us_;
  int listener_;
  int poller_ = epoll_create1(EPOLL_CLOEXEC);
  std::uint64_t accepted_ = 0;
  std::unordered_map<int, Connection> connections_;
  std::priority_queue<Work, std::vector<Work>, std::greater<>> work_;
  std::map<std::string, std::uint64_t> registers_;
  std::string log_;
  std::mt19937 dice_{1};
};

}  // namespace
}  // namespace drawbridge::registers

int main(int argc, char** argv) {
  const long work_us = argc > 1 ? std::atol(argv[1]) : 0;
  const auto port = static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 0);
  drawbridge::registers::Server(work_us, port).run();
}
