#pragma once

#include "proxy/admin/server.h"
#include "proxy/ctl/wire.h"
#include "tests/unit/fake_api.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace drawbridge::tests {

// A folder that goes with the test.
struct TemporaryFolder {
  TemporaryFolder() {
    char name[] = "/tmp/drawbridge-test-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path;
};

// An admin server over a fake proxy on a control thread of its own.
class AdminBench {
 public:
  explicit AdminBench(admin::ServerOptions options = {}) : api(context_), guard_(context_.get_executor()) {
    if (options.socket_path.empty()) options.socket_path = folder.path + "/admin.sock";
    path = options.socket_path;
    auto opened = admin::Server::open(context_, options, api, events);
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    server = std::move(*opened);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~AdminBench() {
    on_control([this] { server->close(); });
    wait_for([this] { return server->sessions() == 0; });
    guard_.reset();
    thread_.join();
  }
  AdminBench(const AdminBench&) = delete;
  AdminBench& operator=(const AdminBench&) = delete;

  static base::Millis request_timeout() { return admin::ServerOptions{}.request_timeout; }

  // Runs on the control thread and returns when it has.
  void on_control(const std::function<void()>& call) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      call();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Until a condition, asked on the control thread, holds.
  void wait_for(const std::function<bool()>& condition) {
    const auto deadline = base::SteadyClock::now() + std::chrono::seconds(10);
    bool holds = false;
    while (!holds) {
      REQUIRE(base::SteadyClock::now() < deadline);
      on_control([&] { holds = condition(); });
      if (!holds) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  ctl::WireReply ask(const std::string& method, const std::string& target, const std::string& body = "",
                     const std::string& accept = "", const ctl::OnLine& on_line = {}) const {
    const auto reply = ctl::exchange(path, {method, target, body, accept, base::Millis{20'000}}, on_line);
    REQUIRE_MESSAGE(reply.has_value(), (reply ? "" : reply.error().message));
    return *reply;
  }

  TemporaryFolder folder;
  std::string path;
  base::EventLog events{false};

 private:
  boost::asio::io_context context_;

 public:
  FakeApi api;
  std::unique_ptr<admin::Server> server;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

}  // namespace drawbridge::tests
