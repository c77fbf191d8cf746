#pragma once

#include "proxy/base/failure.h"
#include "proxy/net/unique_fd.h"

#include <string>
#include <string_view>

namespace drawbridge::net {

// Who has started this process and listens to it at NOTIFY_SOCKET: systemd (sd_notify(3)), or who speaks as it
// does. The protocol is one datagram a message, so that no library is needed for it. Without such a socket nothing
// is said.
class ServiceManager {
 public:
  explicit ServiceManager(std::string address) : address_(std::move(address)) {}
  // Takes NOTIFY_SOCKET out of the environment.
  static ServiceManager from_environment();

  bool listens() const { return !address_.empty(); }
  // "READY=1", and further lines.
  base::Expected<void> tell(std::string_view lines) const { return send(lines, -1); }
  // To be kept, and handed over to the next process. If it keeps none, or not as many, it does not say so: lend()
  // tells.
  base::Expected<void> keep(int fd, const std::string& name) const;
  base::Expected<void> let_go(const std::string& name) const;
  // Has one end of a pipe kept. The other, returned, hangs up as soon as nobody holds that one any more.
  base::Expected<UniqueFd> lend(const std::string& name) const;
  // What is returned hangs up when all that was said before has been dealt with (sd_notify_barrier(3)).
  base::Expected<UniqueFd> barrier() const;

 private:
  base::Expected<void> send(std::string_view text, int fd) const;
  base::Expected<UniqueFd> send_end_of_pipe(std::string_view text) const;

  std::string address_;
};

// Of what lend() and barrier() return.
bool has_hung_up(const UniqueFd& pipe);

}  // namespace drawbridge::net
