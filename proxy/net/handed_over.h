#pragma once

#include "proxy/base/failure.h"
#include "proxy/net/unique_fd.h"

#include <string>
#include <vector>

namespace drawbridge::net {

// A TCP socket that has listened since before this process began.
struct HandedSocket {
  UniqueFd fd;
  std::string address;       // "IP:port" it is bound to
  bool shares_port = false;  // SO_REUSEPORT: others may be opened beside it
  bool from_store = false;   // a process of ours has given it to be kept
};

struct HandedOver {
  std::vector<HandedSocket> sockets;  // each once
  std::vector<std::string> unfit;     // what else was handed over and why it is of no use; it is closed here
};

// What the parent process handed over as systemd does (sd_listen_fds(3)): LISTEN_FDS descriptors from 3 on, named
// by LISTEN_FDNAMES, meant for LISTEN_PID. Takes these out of the environment. Call it once and before anything
// else opens a descriptor: a number that was promised but is not open would be one of ours later. What is not meant
// for us is nobody's, and not touched. Fails if something is meant for us and LISTEN_FDS does not say how much:
// clients may wait in sockets that nobody would accept on.
base::Expected<HandedOver> take_handed_over();

// Ends the listening for whoever holds the socket, so that no client waits in its queue for nobody.
void stop_listening(const HandedSocket& socket);
// Takes that back, unless the address has been taken meanwhile. Who waited in the queue is gone.
base::Expected<void> listen_again(const HandedSocket& socket);

// What one socket is called among those that a service manager keeps: unique as long as it lives, and known without
// a record of it.
std::string keeping_name(int fd);
// What else of ours is there called, and left out here without a word: no socket, and of no use to the next
// process.
inline constexpr auto lent_name = "lent";

}  // namespace drawbridge::net
