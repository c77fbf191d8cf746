#pragma once

#include "proxy/base/failure.h"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace drawbridge::admin {

// Who is at the other end of a unix socket: the kernel's word, as of when they connected.
struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;  // supplementary
};

base::Expected<Peer> peer_of(int socket);

// Root, the user that this process runs as, and members of `group` (nullopt: no such group configured).
bool may_command(const Peer& peer, uid_t own_uid, std::optional<gid_t> group);

// Login name of a uid, or the number as text.
std::string user_name(uid_t uid);

base::Expected<gid_t> group_id(const std::string& name);

// Why it may not, as a sentence.
std::string denial(const Peer& peer);

}  // namespace drawbridge::admin
