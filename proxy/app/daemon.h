#pragma once

#include "proxy/app/configuration.h"
#include "proxy/net/handed_over.h"

#include <functional>
#include <string>
#include <vector>

namespace drawbridge::app {

// How the process was started.
struct DaemonOptions {
  Configuration configuration;
  // Reads the configuration again at `reload`; the same text for the demo.
  std::function<Configured()> load;
  // Told once it serves, with the addresses it listens on.
  std::function<void(const std::vector<std::string>&)> serving;
  bool events_to_stderr = true;
  net::HandedOver handed = {};  // by what started the process
};

// The whole of proxyd: composes the layers by hand, runs until SIGTERM or SIGINT, ends what is in flight within
// server.shutdown_grace. SIGHUP reloads, SIGUSR1 reopens the access log. Returns the exit status.
int run_daemon(DaemonOptions options);

}  // namespace drawbridge::app
