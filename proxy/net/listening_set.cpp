#include "proxy/net/listening_set.h"

#include "proxy/net/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <utility>

namespace drawbridge::net {
namespace {

// A socket made by another user cannot be joined by ours (socket(7)): then all share what is there.
base::Expected<void> add_missing(ListeningSet& set, std::vector<UniqueFd>& sockets, std::size_t count) {
  const bool some = !sockets.empty();
  while (sockets.size() < count) {
    auto fd = listen_on(set.address);
    if (!fd && some) return {};
    if (!fd) return std::unexpected(fd.error());
    set.address = bound_address(fd->get());
    set.opened.push_back(fd->get());
    sockets.push_back(std::move(*fd));
  }
  return {};
}

base::Expected<void> share(ListeningSet& set, const UniqueFd& socket) {
  for (auto& sockets : set.of_worker) {
    UniqueFd copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy.valid()) {
      return std::unexpected(
          base::Error{fmt::format("cannot share the socket on {}: {}", set.address, std::strerror(errno))});
    }
    sockets.push_back(std::move(copy));
  }
  return {};
}

}  // namespace

base::Expected<ListeningSet> open_listening_set(const std::string& address, std::size_t workers,
                                                std::vector<HandedSocket> handed, bool may_add) {
  ListeningSet set{.address = address, .of_worker = std::vector<std::vector<UniqueFd>>(workers), .opened = {}};
  std::vector<UniqueFd> sockets;
  const bool join = std::ranges::all_of(handed, [](const auto& socket) { return socket.shares_port; });
  for (auto& socket : handed) sockets.push_back(std::move(socket.fd));
  if (sockets.empty() || (join && may_add)) {
    if (auto added = add_missing(set, sockets, workers); !added) return std::unexpected(added.error());
  }
  const auto dealt = sockets.size() / workers * workers;
  for (std::size_t i = 0; i < dealt; ++i) set.of_worker[i % workers].push_back(std::move(sockets[i]));
  for (std::size_t i = dealt; i < sockets.size(); ++i) {
    if (auto shared = share(set, sockets[i]); !shared) return std::unexpected(shared.error());
  }
  return set;
}

}  // namespace drawbridge::net
