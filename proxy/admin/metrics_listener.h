#pragma once

#include "proxy/admin/api.h"
#include "proxy/base/failure.h"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace drawbridge::admin {

// server.metrics: GET /metrics over TCP and nothing else; no change can come this way. Control thread only. Answers
// what Api::metrics says, at most 32 connections at a time.
class MetricsListener {
 public:
  // `address` is "IP:port"; port 0 takes a free one.
  static base::Expected<std::unique_ptr<MetricsListener>> open(boost::asio::io_context& context,
                                                               const std::string& address, Api& api);
  ~MetricsListener();
  MetricsListener(const MetricsListener&) = delete;
  MetricsListener& operator=(const MetricsListener&) = delete;

  std::uint16_t port() const;
  void close();

 private:
  class Impl;
  explicit MetricsListener(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with the coroutines of its connections, which end after close()
};

}  // namespace drawbridge::admin
