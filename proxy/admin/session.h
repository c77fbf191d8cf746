#pragma once

#include "proxy/admin/api.h"
#include "proxy/admin/server.h"
#include "proxy/base/event_log.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <memory>
#include <optional>
#include <sys/types.h>

namespace drawbridge::admin {

// One connection to the admin socket, from the first request to the last. Held by its coroutine and, weakly, by the
// server and by what it waits for, any of which may end first. Control thread only.
class Session {
 public:
  struct Parts {
    const ServerOptions& options;
    Api& api;
    base::EventLog& events;
    std::optional<gid_t> group;
    std::size_t&
        long_ones;  // sessions that follow events or wait: kept below half of all, so that there is always room
  };

  static std::shared_ptr<Session> make(boost::asio::local::stream_protocol::socket socket, Parts parts);
  virtual ~Session() = default;

  virtual boost::asio::awaitable<void> run() = 0;
  virtual void notify_events() = 0;
  // Between two requests, or before the first.
  virtual bool is_idle() const = 0;
  // Ends after the answer under way; at once when there is none.
  virtual void stop() = 0;
};

}  // namespace drawbridge::admin
