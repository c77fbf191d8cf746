#include "proxy/upstream/resolver.h"

#include <algorithm>
#include <utility>

namespace drawbridge::upstream {
namespace {

using base::SteadyClock;
using boost::asio::ip::tcp;

// A name that does not resolve is asked again soon, however long the interval.
constexpr base::Millis retry_interval_max{5'000};

std::string without_brackets(std::string host) {
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

// In a fixed order, each once: some name servers rotate their answers, /etc/hosts may repeat them.
std::vector<net::Endpoint> endpoints_of(const tcp::resolver::results_type& results) {
  std::vector<net::Endpoint> endpoints;
  for (const auto& result : results) {
    const auto address = result.endpoint();
    const auto endpoint = net::Endpoint::from(address.data(), static_cast<socklen_t>(address.size()));
    if (!endpoint.empty() && std::ranges::find(endpoints, endpoint) == endpoints.end())
      endpoints.push_back(endpoint);
  }
  std::ranges::sort(endpoints, {}, &net::Endpoint::text);
  return endpoints;
}

Resolver::Answer to_answer(const boost::system::error_code& failed, const tcp::resolver::results_type& results) {
  if (failed) return std::unexpected(failed.message());
  auto endpoints = endpoints_of(results);
  if (endpoints.empty()) return std::unexpected(std::string("no address"));
  return endpoints;
}

}  // namespace

Resolver::Resolver(boost::asio::io_context& context, Listener listener)
    : listener_(std::move(listener)), resolver_(context), timer_(context) {}

void Resolver::watch(core::ServerId server, const std::string& address, base::Millis interval) {
  if (const auto numeric = net::parse_endpoint(address)) {
    forget(server);
    listener_(server, std::vector{*numeric});
    return;
  }
  const auto colon = std::min(address.rfind(':'), address.size());
  names_[server] = {.host = without_brackets(address.substr(0, colon)),
                    .port = address.substr(std::min(colon + 1, address.size())),
                    .interval = interval,
                    .due = SteadyClock::now(),
                    .version = ++versions_};
  schedule();
}

void Resolver::forget(core::ServerId server) {
  names_.erase(server);
}

void Resolver::stop() {
  stopped_ = true;
  timer_.cancel();
  resolver_.cancel();
}

void Resolver::schedule() {
  if (stopped_ || asking_ || names_.empty()) return;
  const auto& [server, name] =
      *std::ranges::min_element(names_, {}, [](const auto& entry) { return entry.second.due; });
  if (name.due <= SteadyClock::now()) return ask(server, name);
  timer_.expires_at(name.due);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) schedule();
  });
}

void Resolver::ask(core::ServerId server, const Name& name) {
  asking_ = true;
  timer_.cancel();
  resolver_.async_resolve(name.host, name.port,
                          [this, server, version = name.version](const boost::system::error_code& failed,
                                                                 const tcp::resolver::results_type& results) {
                            asking_ = false;
                            if (!stopped_) answered(server, version, to_answer(failed, results));
                          });
}

void Resolver::answered(core::ServerId server, std::uint64_t version, const Answer& answer) {
  const auto found = names_.find(server);
  if (found != names_.end() && found->second.version == version) {
    auto& name = found->second;
    name.due = SteadyClock::now() + (answer ? name.interval : std::min(name.interval, retry_interval_max));
    listener_(server, answer);
  }
  schedule();
}

}  // namespace drawbridge::upstream
