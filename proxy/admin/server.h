#pragma once

#include "proxy/admin/api.h"
#include "proxy/base/event_log.h"
#include "proxy/base/failure.h"
#include "proxy/base/time.h"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace drawbridge::admin {

struct ServerOptions {
  std::string socket_path;
  std::string group;  // server.admin_group; empty: the file's owner and root only
  std::size_t connections_max = 64;
  base::Millis request_timeout{10'000};  // for one request to arrive
  base::Millis write_timeout{10'000};    // for the client to take what it asked for
  base::Millis keepalive_every{15'000};  // comment lines of an event stream
};

// The admin socket (docs/ADMIN.md). Lives on the control thread's io_context, which must outlive it; Api and log
// too. Only proxyd's user, root and members of the group are served, whatever the file's mode says.
class Server {
 public:
  // Takes the path, replacing what a dead proxyd left there; listens when it returns. Fails with a sentence if
  // another proxyd answers there, something else occupies the path, or the folder cannot be written.
  static base::Expected<std::unique_ptr<Server>> open(boost::asio::io_context& context, ServerOptions options,
                                                      Api& api, base::EventLog& events);
  ~Server();  // after close() and once sessions() is 0, or when the context runs no more
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // To be called for each event of the log, on the control thread (post it there from EventLog::listen).
  void notify_events();

  // Accepts no more, ends what is idle, lets answers under way be written. Removes the socket file.
  void close();
  std::size_t sessions() const;  // connections still open

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with the coroutines of its connections, which end after close()
};

}  // namespace drawbridge::admin
