#include "proxy/admin/kept_sockets.h"

#include "proxy/control/text.h"

#include <fmt/format.h>

namespace drawbridge::admin {
namespace {

constexpr auto check_name = "restart";

std::string_view keeper(Keeping keeping) {
  if (keeping == Keeping::starter) return "who started proxyd holds";
  return keeping == Keeping::asked ? "the service manager was just given" : "the service manager keeps";
}

std::string advice(const KeptSockets& facts) {
  switch (facts.keeping) {
    case Keeping::nobody:
    case Keeping::starter:
    case Keeping::asked:
    case Keeping::manager:
      return "";
    case Keeping::no_room:  // one more: the pipe
      return fmt::format(
          "FileDescriptorStoreMax= of the unit must be at least {}, and proxyd its main process; then `systemctl "
          "daemon-reload`, and a restart",
          facts.sockets + 1);
    case Keeping::silent:
    case Keeping::unreachable:
      return "see what listens at NOTIFY_SOCKET, or start proxyd without it";
  }
  return "";
}

}  // namespace

bool are_kept(const KeptSockets& facts) {
  return facts.keeping == Keeping::starter || facts.keeping == Keeping::asked || facts.keeping == Keeping::manager;
}

std::string kept_sockets_warning(const KeptSockets& facts) {
  switch (facts.keeping) {
    case Keeping::nobody:
    case Keeping::starter:
    case Keeping::asked:
    case Keeping::manager:
      return "";
    case Keeping::no_room:
      return fmt::format(
          "the service manager does not keep all that proxyd gave it ({}, and a pipe to see that it does): a "
          "restart may refuse clients",
          control::counted(facts.sockets, "listening socket"));
    case Keeping::silent:
      return fmt::format("the service manager has not taken {} yet: a restart may refuse clients",
                         control::counted(facts.sockets, "listening socket"));
    case Keeping::unreachable:
      return fmt::format("the service manager cannot be reached ({}): a restart may refuse clients", facts.error);
  }
  return "";
}

Check check_kept_sockets(const KeptSockets& facts) {
  if (auto warning = kept_sockets_warning(facts); !warning.empty()) {
    return {check_name, Health::warn, std::move(warning), advice(facts)};
  }
  if (facts.keeping == Keeping::nobody) {
    return {check_name, Health::ok,
            "no service manager keeps the listening sockets: a restart refuses clients until it listens again", ""};
  }
  return {check_name, Health::ok,
          fmt::format("{} {}: a restart refuses no client", keeper(facts.keeping),
                      control::counted(facts.sockets, "listening socket")),
          ""};
}

}  // namespace drawbridge::admin
