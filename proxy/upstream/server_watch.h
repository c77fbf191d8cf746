#pragma once

#include "proxy/base/event_log.h"
#include "proxy/upstream/health_board.h"
#include "proxy/upstream/probe.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::upstream {

// Keeps the board true: resolves the servers' names, probes their addresses, notices what requests met. The one
// object the control thread holds for this; all of it runs on the io_context given, which is the control thread's.
// Events: server_up, server_down, address_up, address_down, addresses_changed, resolve_failed, resolve_recovered,
// probes_not_asked.
class ServerWatch {
 public:
  struct Addresses {
    core::ServerId server = 0;
    std::optional<EndpointSlots> slots;  // empty: its name has none; none: it is not watched any more
  };
  struct Listener {
    // The addresses of a server, at first and when they change, also that its first lookup failed. To be given to
    // the workers, where requests wait for the first word of a new server.
    std::function<void(const Addresses&)> addresses;
    // A server went up or down as a whole. Optional.
    std::function<void(const HealthBoard::Change&)> health;
  };

  // `board` and `events` outlive the watch; the watch outlives the last run of `context`.
  ServerWatch(boost::asio::io_context& context, HealthBoard& board, base::EventLog& events, Listener listener);
  ~ServerWatch();
  ServerWatch(const ServerWatch&) = delete;
  ServerWatch& operator=(const ServerWatch&) = delete;

  // Replaces what is watched. What stays the same goes on undisturbed; numeric addresses are on the board, and told
  // to the listener, when this returns.
  void set_targets(std::vector<Target> targets);

  // Probes all addresses of these servers now, with their policy, also those without active checks (then by opening
  // a connection); for `path`, if it is given, instead of theirs, with more patience. `done` hears one result an
  // address (one failed result for a server without addresses), on the control thread, never inside the call.
  using Checked = std::function<void(std::vector<ProbeResult>)>;
  void check_now(const std::vector<core::ServerId>& servers, Checked done, const std::string& path = {});

  // Resolves and probes no more; what is under way ends soon, so that the context can run out of work.
  void stop();

 private:
  struct Parts;

  std::unique_ptr<Parts> parts_;
};

}  // namespace drawbridge::upstream
