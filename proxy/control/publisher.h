#pragma once

#include "proxy/control/workers.h"
#include "proxy/core/snapshot.h"

#include <deque>
#include <memory>

namespace drawbridge::control {

// Owns every snapshot that a worker may still read: from its publication until no admission is left below a later
// one. The workers have ended when it is destroyed.
class Publisher {
 public:
  explicit Publisher(Workers& workers);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // In force for all workers when it returns. Epochs ascend.
  void publish(std::unique_ptr<const core::Snapshot> snapshot);

  const core::Snapshot& current() const;
  bool has_published() const { return !in_use_.empty(); }
  std::size_t in_use() const { return in_use_.size(); }

 private:
  Workers& workers_;
  std::deque<std::unique_ptr<const core::Snapshot>> in_use_;  // oldest first; the last is current
};

}  // namespace drawbridge::control
