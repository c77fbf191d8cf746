#include "proxy/app/demo/demo.h"

#include "proxy/app/demo/shop.h"
#include "proxy/app/demo/shop_server.h"

#include <boost/asio/io_context.hpp>

#include <csignal>
#include <thread>

namespace drawbridge::demo {

// Members die in reverse order, the thread having ended: frames that are still suspended go with `io` and touch
// neither the servers nor the book on their way.
struct Demo::Shops {
  OrderBook book;
  boost::asio::io_context io{1};
  ShopServer blue{io, {"blue v1", "#1d5fd1"}, book};
  ShopServer green{io, {"green v2", "#1b7a3d"}, book};
  std::thread thread;
};

Demo::Demo() : shops_(std::make_unique<Shops>()) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  shops_->thread = std::thread([shops = shops_.get()] { shops->io.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Demo::~Demo() {
  stop();
}

std::uint16_t Demo::blue_port() const {
  return shops_->blue.port();
}
std::uint16_t Demo::green_port() const {
  return shops_->green.port();
}

void Demo::stop() {
  shops_->io.stop();
  if (shops_->thread.joinable()) shops_->thread.join();
}

}  // namespace drawbridge::demo
