#include "proxy/net/service_manager.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace drawbridge::net {
namespace {

// One that does not read what it is told holds up nobody.
constexpr timeval patience{.tv_sec = 1, .tv_usec = 0};

base::Error failed(const std::string& address, int os_error) {
  return {fmt::format("NOTIFY_SOCKET {}: {}", address, std::strerror(os_error))};
}

void attach(msghdr& message, std::array<char, CMSG_SPACE(sizeof(int))>& room, int fd) {
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  const char* value = std::getenv("NOTIFY_SOCKET");
  std::string address = value == nullptr ? "" : value;
  ::unsetenv("NOTIFY_SOCKET");
  return ServiceManager(std::move(address));
}

base::Expected<void> ServiceManager::keep(int fd, const std::string& name) const {
  return send("FDSTORE=1\nFDNAME=" + name, fd);
}

base::Expected<void> ServiceManager::let_go(const std::string& name) const {
  return send("FDSTOREREMOVE=1\nFDNAME=" + name, -1);
}

base::Expected<UniqueFd> ServiceManager::lend(const std::string& name) const {
  return send_end_of_pipe("FDSTORE=1\nFDNAME=" + name);
}

base::Expected<UniqueFd> ServiceManager::barrier() const {
  return send_end_of_pipe("BARRIER=1");
}

base::Expected<UniqueFd> ServiceManager::send_end_of_pipe(std::string_view text) const {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(failed(address_, errno));
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  if (auto sent = send(text, theirs.get()); !sent) return std::unexpected(sent.error());
  return ours;
}

base::Expected<void> ServiceManager::send(std::string_view text, int fd) const {
  if (!listens()) return {};
  sockaddr_un where{.sun_family = AF_UNIX, .sun_path = {}};
  if (address_.size() >= sizeof where.sun_path) return std::unexpected(failed(address_, ENAMETOOLONG));
  std::memcpy(where.sun_path, address_.data(), address_.size());
  if (address_.front() == '@') where.sun_path[0] = '\0';  // of the abstract name space
  const UniqueFd out(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!out.valid()) return std::unexpected(failed(address_, errno));
  ::setsockopt(out.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  msghdr message{};
  message.msg_name = &where;
  message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  if (fd >= 0) attach(message, room, fd);
  if (::sendmsg(out.get(), &message, MSG_NOSIGNAL) < 0) return std::unexpected(failed(address_, errno));
  return {};
}

bool has_hung_up(const UniqueFd& pipe) {
  pollfd look{.fd = pipe.get(), .events = 0, .revents = 0};
  return ::poll(&look, 1, 0) > 0;
}

}  // namespace drawbridge::net
