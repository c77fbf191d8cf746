#pragma once

#include "proxy/base/time.h"
#include "proxy/core/snapshot.h"
#include "proxy/net/endpoint.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace drawbridge::upstream {

// Looks names up at once and then at their intervals, one at a time: the context has one lookup thread. Control
// thread only.
class Resolver {
 public:
  using Answer =
      std::expected<std::vector<net::Endpoint>, std::string>;  // at least one address, or why there is none
  using Listener = std::function<void(core::ServerId, const Answer&)>;

  // Both outlive the last run of `context`.
  Resolver(boost::asio::io_context& context, Listener listener);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // "host:port". A numeric address is answered inside this call, once; a name from the context, again and again.
  void watch(core::ServerId server, const std::string& address, base::Millis interval);
  void forget(core::ServerId server);
  void stop();

 private:
  struct Name {
    std::string host, port;
    base::Millis interval;
    base::SteadyTime due;
    std::uint64_t version = 0;  // an answer to an older question is dropped
  };

  void schedule();
  void ask(core::ServerId server, const Name& name);
  void answered(core::ServerId server, std::uint64_t version, const Answer& answer);

  Listener listener_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer timer_;
  std::map<core::ServerId, Name> names_;
  std::uint64_t versions_ = 0;
  bool asking_ = false;
  bool stopped_ = false;
};

}  // namespace drawbridge::upstream
