#pragma once

#include "proxy/control/alarms.h"

#include <memory>

namespace boost::asio {
class io_context;
}

namespace drawbridge::control {

// Alarms over an io_context that one thread runs. Destroyed: nothing more is called.
class AsioAlarms final : public Alarms {
 public:
  explicit AsioAlarms(boost::asio::io_context& context);
  ~AsioAlarms() override;
  AsioAlarms(const AsioAlarms&) = delete;
  AsioAlarms& operator=(const AsioAlarms&) = delete;

  base::Now now() const override;
  Id at(base::SteadyTime time, std::function<void()> call) override;
  void cancel(Id id) override;
  void post(std::function<void()> call) override;

 private:
  struct Armed;
  std::shared_ptr<Armed> armed_;  // shared with the pending waits, which outlive us by one completion
};

}  // namespace drawbridge::control
