#pragma once

#include "config/config.h"
#include "proxy/admin/doctor.h"
#include "proxy/app/descriptors.h"
#include "proxy/base/event_log.h"
#include "proxy/control/alarms.h"
#include "proxy/serve/worker.h"

#include <cstdint>
#include <functional>

namespace drawbridge::app {

// Tells the data path how many connections and pipes the descriptors of the process carry: when it begins to
// listen, with each change, since the limit of the process may be another, and when something else has taken some.
// Control thread.
class DescriptorShares {
 public:
  using Limits = std::function<const config::Limits&()>;  // those in force

  // All outlive it.
  DescriptorShares(serve::Shared& shared, control::Alarms& alarms, base::EventLog& events, Limits limits);

  // What is open now, beside connections and pipes, is the process's own.
  void begin();
  // Counts nothing: a change may be one that clients wait for. Nothing before begin().
  void share_out(const config::Limits& limits);
  // Something beside them has taken what was reckoned with. Connections make do with less for a while.
  void exhausted();

  admin::ClientFacts facts() const;

 private:
  std::uint64_t measure_own() const;

  serve::Shared& shared_;
  control::Alarms& alarms_;
  base::EventLog& events_;
  Limits limits_;
  std::uint64_t own_ = 0;  // beside those of connections and pipes; 0: not known before it listens
  DescriptorPlan plan_;
  bool short_ = false;
};

}  // namespace drawbridge::app
