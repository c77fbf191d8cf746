#pragma once

#include "proxy/base/event_log.h"
#include "proxy/base/time.h"
#include "proxy/net/handed_over.h"
#include "proxy/net/service_manager.h"
#include "proxy/serve/door.h"

#include <string_view>
#include <vector>

namespace drawbridge::app {

// The listening sockets on their way from one process to the next. While nobody listens the kernel goes on taking
// clients into the queues of those that a service manager keeps: they wait, and are not refused. Control thread
// only.
class Handover {
 public:
  Handover(net::ServiceManager manager, net::HandedOver handed, base::EventLog& events);

  // What was handed over for these doors. The rest stops listening and is kept no longer: who connects there is
  // refused, as at any closed port.
  std::vector<net::HandedSocket> claim(const std::vector<serve::Door>& doors);
  // A service manager listens, so sockets opened now may be kept.
  bool keeps() const { return manager_.listens(); }
  void keep(const std::vector<int>& opened);
  // Somebody holds sockets of ours beyond our end.
  bool outlives_us() const { return kept_ || claimed_; }

  // What the service manager is told of us.
  void serving();
  void ending(base::Millis grace, base::Millis longest);

 private:
  void tell(std::string_view lines);
  void failed(const base::Error& error);

  net::ServiceManager manager_;
  net::HandedOver handed_;
  base::EventLog& events_;
  bool claimed_ = false;
  bool kept_ = false;  // as far as we can know: it is not answered
};

}  // namespace drawbridge::app
