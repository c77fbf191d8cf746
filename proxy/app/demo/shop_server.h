#pragma once

#include "proxy/app/demo/shop.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>

namespace drawbridge::demo {

// Serves one version of the shop over HTTP/1.1 on a free loopback port: the routes of answer(), and those that take
// their time: GET and POST /slow?ms=N, GET /events (server-sent events, one a second), a WebSocket echo on /ws.
// Belongs to the thread that runs `io`; `book` and this object outlive the io_context.
class ShopServer {
 public:
  // Throws boost::system::system_error when it cannot listen.
  ShopServer(boost::asio::io_context& io, Version version, OrderBook& book);

  ShopServer(const ShopServer&) = delete;
  ShopServer& operator=(const ShopServer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  boost::asio::awaitable<void> accept_loop();

  Version version_;
  OrderBook& book_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
};

}  // namespace drawbridge::demo
