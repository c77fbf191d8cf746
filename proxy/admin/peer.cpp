#include "proxy/admin/peer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

namespace drawbridge::admin {

namespace {

constexpr std::size_t name_buffer_bytes = 16 * 1024;

}  // namespace

base::Expected<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return std::unexpected(base::Error{fmt::format("SO_PEERCRED: {}", std::strerror(errno))});
  }
  Peer peer{credentials.uid, credentials.gid, credentials.pid, {}};
  // The groups the process really has, not those its user would get at the next login (and no lookup that blocks).
  constexpr std::size_t groups_max = 1'024;
  peer.groups.resize(groups_max);
  socklen_t bytes = groups_max * sizeof(gid_t);
  const bool known = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes) == 0;
  peer.groups.resize(known ? bytes / sizeof(gid_t) : 0);
  return peer;
}

bool may_command(const Peer& peer, uid_t own_uid, std::optional<gid_t> group) {
  if (peer.uid == 0 || peer.uid == own_uid) return true;
  if (!group) return false;
  return peer.gid == *group || std::find(peer.groups.begin(), peer.groups.end(), *group) != peer.groups.end();
}

std::string user_name(uid_t uid) {
  std::string buffer(name_buffer_bytes, '\0');
  passwd entry{};
  passwd* found = nullptr;
  const int failed = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  if (failed != 0 || found == nullptr) return std::to_string(uid);
  return found->pw_name;
}

base::Expected<gid_t> group_id(const std::string& name) {
  std::string buffer(name_buffer_bytes, '\0');
  group entry{};
  group* found = nullptr;
  const int failed = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (failed == 0 && found != nullptr) return found->gr_gid;
  return std::unexpected(base::Error{fmt::format("server.admin_group: there is no group '{}'", name)});
}

std::string denial(const Peer& peer) {
  return fmt::format(
      "user {} (uid {}) may not command this proxy; root, the user of proxyd and members of server.admin_group may",
      user_name(peer.uid), peer.uid);
}

}  // namespace drawbridge::admin
