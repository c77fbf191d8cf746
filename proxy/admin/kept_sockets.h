#pragma once

#include "proxy/admin/doctor.h"

#include <cstdint>
#include <string>

namespace drawbridge::admin {

// Who holds the listening sockets beyond the end of the process, so that clients wait for the next one.
enum class Keeping : std::uint8_t {
  nobody,
  starter,      // what started the process handed all of them over, and is taken to hold them
  asked,        // a service manager, just now
  silent,       // a service manager that has not dealt with it
  manager,      // a service manager: it was looked at, not only asked
  no_room,      // a service manager that does not keep all it was given, or nothing
  unreachable,  // there is none at NOTIFY_SOCKET
};

struct KeptSockets {
  Keeping keeping = Keeping::nobody;
  std::size_t sockets = 0;  // that listen
  std::string error;        // of the way to the service manager
};

bool are_kept(const KeptSockets& facts);  // all of them, as far as can be known
Check check_kept_sockets(const KeptSockets& facts);
std::string kept_sockets_warning(const KeptSockets& facts);  // for `status`; "": there is nothing to do

}  // namespace drawbridge::admin
