#include "proxy/control/asio_alarms.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <unordered_map>
#include <utility>

namespace drawbridge::control {

namespace asio = boost::asio;

struct AsioAlarms::Armed {
  explicit Armed(asio::io_context& io) : context(io) {}

  asio::io_context& context;
  bool closed = false;
  Id last = 0;
  std::unordered_map<Id, std::unique_ptr<asio::steady_timer>> timers;
};

AsioAlarms::AsioAlarms(asio::io_context& context) : armed_(std::make_shared<Armed>(context)) {}

AsioAlarms::~AsioAlarms() {
  armed_->closed = true;
  armed_->timers.clear();
}

base::Now AsioAlarms::now() const {
  return base::now();
}

AsioAlarms::Id AsioAlarms::at(base::SteadyTime time, std::function<void()> call) {
  const auto id = ++armed_->last;
  auto& timer =
      *armed_->timers.emplace(id, std::make_unique<asio::steady_timer>(armed_->context, time)).first->second;
  // A timer that has fired completes with success even after cancel(): what counts is whether the id is still
  // there.
  timer.async_wait([armed = armed_, id, call = std::move(call)](boost::system::error_code) {
    if (armed->timers.erase(id) == 0) return;
    call();
  });
  return id;
}

void AsioAlarms::cancel(Id id) {
  armed_->timers.erase(id);
}

void AsioAlarms::post(std::function<void()> call) {
  asio::post(armed_->context, [armed = armed_, call = std::move(call)] {
    if (!armed->closed) call();
  });
}

}  // namespace drawbridge::control
