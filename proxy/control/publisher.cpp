#include "proxy/control/publisher.h"

#include "proxy/base/check.h"

#include <utility>

namespace drawbridge::control {

Publisher::Publisher(Workers& workers) : workers_(workers) {
  workers_.on_unused([this](std::uint64_t epoch) {
    while (in_use_.size() > 1 && in_use_.front()->epoch < epoch) in_use_.pop_front();
  });
}

Publisher::~Publisher() {
  workers_.on_unused({});
}

void Publisher::publish(std::unique_ptr<const core::Snapshot> snapshot) {
  DRAWBRIDGE_CHECK(in_use_.empty() || in_use_.back()->epoch < snapshot->epoch);
  in_use_.push_back(std::move(snapshot));
  workers_.publish(in_use_.back().get());
}

const core::Snapshot& Publisher::current() const {
  DRAWBRIDGE_CHECK(has_published());
  return *in_use_.back();
}

}  // namespace drawbridge::control
