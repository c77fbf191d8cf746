#include "proxy/upstream/servers.h"

namespace drawbridge::upstream {

bool Servers::awaits_word(const core::PoolView& pool, const Tried& tried, std::optional<std::size_t> chosen) {
  if (chosen) return !server(pool.servers[*chosen].id).told;
  for (std::size_t place = 0; place < pool.servers.size(); ++place) {
    const auto& target = pool.servers[place];
    if (target.admin == core::ServerAdmin::ready && !tried.has(place) && !server(target.id).told) return true;
  }
  return false;
}

// A snapshot is in force at once; the addresses of its new servers come to each worker as a message, and those of a
// name after its lookup.
net::Task<std::optional<std::size_t>> Servers::choose_later(const core::PoolView& pool, Tried& tried) {
  const auto deadline = loop_.now() + pool.timing.connect;
  net::Signal word(loop_);
  newcomers_.push_back(&word);
  tried.waiting_ = &word;
  auto place = choose(pool, tried);
  while (!tried.given_up() && awaits_word(pool, tried, place)) {
    if (!co_await word.wait(deadline)) break;
    place = choose(pool, tried);
  }
  tried.waiting_ = nullptr;
  std::erase(newcomers_, &word);
  co_return place;
}

}  // namespace drawbridge::upstream
