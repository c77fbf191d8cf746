#pragma once

#include "proxy/admin/kept_sockets.h"
#include "proxy/base/event_log.h"
#include "proxy/base/time.h"
#include "proxy/control/alarms.h"
#include "proxy/net/handed_over.h"
#include "proxy/net/service_manager.h"
#include "proxy/serve/door.h"

#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::app {

// The listening sockets on their way from one process to the next. While nobody listens the kernel goes on taking
// clients into the queues of those that a service manager keeps: they wait, and are not refused. Control thread
// only.
//
// A service manager does not say whether it keeps what it is given. So it is given one end of a pipe behind the
// sockets: if that end is closed, there was no room for it, and perhaps not for all of them.
class Handover {
 public:
  Handover(net::ServiceManager manager, net::HandedOver handed, base::EventLog& events);
  // After whatever listened beside the sockets that are left to others.
  ~Handover();
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  // What was handed over for these doors. The rest is left as it is until the start has succeeded, but for those in
  // the way of a door; if it does not, these listen again for whoever holds them.
  std::vector<net::HandedSocket> claim(const std::vector<serve::Door>& doors);
  // Somebody listens to whom new sockets can be given.
  bool can_keep() const { return manager_.listens(); }
  // The start has succeeded, with these new sockets: they are to be kept. What no door wanted stops listening and
  // is kept no longer: who connects there is refused, as at any closed port.
  void settle(const std::vector<int>& opened);
  // Says in the event log whether they are kept, as soon as that is known.
  void report(control::Alarms& alarms);

  admin::KeptSockets facts() const;
  // Somebody holds sockets of ours beyond our end.
  bool outlives_us() const;

  // What the service manager is told of us.
  void serving();
  void ending(base::Millis grace, base::Millis longest);

 private:
  struct Unwanted {
    net::HandedSocket socket;
    bool stopped = false;
  };

  void keep(const std::vector<int>& opened);
  base::Expected<void> give(const std::vector<int>& opened);
  void look(control::Alarms& alarms, base::SteadyTime until);
  void tell(std::string_view lines);
  void failed(const base::Error& error);

  net::ServiceManager manager_;
  net::HandedOver handed_;
  base::EventLog& events_;
  std::vector<Unwanted> unwanted_;
  std::size_t claimed_ = 0, opened_ = 0;
  bool claimed_from_store_ = false;
  net::UniqueFd lent_, heard_;  // hang up: what was lent is not kept; it was dealt with
  bool is_late_ = false;        // with its answer
  std::string error_;           // of the way to it, when there was something to keep
};

}  // namespace drawbridge::app
