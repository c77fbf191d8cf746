#include "proxy/app/handover.h"

#include "proxy/net/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::app {
namespace {

// What a stop may take beyond what is in flight: last words, the state, the logs.
constexpr base::Millis beyond_flight{10'000};

}  // namespace

Handover::Handover(net::ServiceManager manager, net::HandedOver handed, base::EventLog& events)
    : manager_(std::move(manager)), handed_(std::move(handed)), events_(events) {}

std::vector<net::HandedSocket> Handover::claim(const std::vector<serve::Door>& doors) {
  for (const auto& what : handed_.unfit) events_.warning("handed_over_unfit", {{"what", what}});
  std::vector<net::HandedSocket> wanted;
  for (auto& socket : handed_.sockets) {
    const bool is_wanted = std::ranges::any_of(
        doors, [&](const auto& door) { return net::canonical_address(door.address) == socket.address; });
    if (is_wanted) {
      wanted.push_back(std::move(socket));
      continue;
    }
    events_.warning("handed_over_unwanted",
                    {{"address", socket.address}, {"hint", "no [[listener]] has it: closed"}});
    const auto name = net::keeping_name(socket.fd.get());
    net::stop_listening(std::move(socket));
    if (const auto done = manager_.let_go(name); !done) failed(done.error());
  }
  handed_.sockets.clear();
  claimed_ = !wanted.empty();
  if (claimed_) events_.info("sockets_taken_over", {{"count", fmt::to_string(wanted.size())}});
  return wanted;
}

void Handover::keep(const std::vector<int>& opened) {
  for (const int fd : opened) {
    const auto done = manager_.keep(fd, net::keeping_name(fd));
    if (!done) return failed(done.error());
  }
  kept_ = keeps();
}

void Handover::serving() {
  tell("READY=1\nSTATUS=Serving.");
}

// systemd would kill at TimeoutStopSec what was given longer by our own configuration.
void Handover::ending(base::Millis grace, base::Millis longest) {
  const auto limit = std::chrono::microseconds(longest + beyond_flight).count();
  tell(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS=Ending: what is in flight has {}.", limit,
                   base::format_duration(grace)));
}

void Handover::tell(std::string_view lines) {
  if (const auto done = manager_.tell(lines); !done) failed(done.error());
}

void Handover::failed(const base::Error& error) {
  events_.warning("service_manager_unreachable", {{"error", error.message}});
}

}  // namespace drawbridge::app
