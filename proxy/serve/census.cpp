#include "proxy/serve/census.h"

namespace drawbridge::serve {
namespace {

constexpr std::chrono::seconds said_every{10};

}  // namespace

void Census::Seat::leave() {
  if (census_ == nullptr) return;
  census_->open_.fetch_sub(1);
  census_->line_.place_free();
  if (!listed_) return;
  const std::lock_guard lock(census_->mutex_);
  const auto found = census_->by_address_.find(address_.bytes);
  if (--found->second == 0) census_->by_address_.erase(found);
}

void Census::set_limits(std::uint64_t connections, std::uint64_t per_address) {
  limit_.store(connections, std::memory_order_relaxed);
  limit_per_address_.store(per_address, std::memory_order_relaxed);
  if (!full()) line_.place_free();
}

std::optional<Census::Seat> Census::enter(const http::IpAddress& address, bool shared) {
  const auto limit = limit_per_address_.load(std::memory_order_relaxed);
  const bool listed = limit != 0 && !shared;
  if (listed && !list(address.bytes, limit)) return std::nullopt;
  open_.fetch_add(1, std::memory_order_relaxed);
  return Seat(*this, address, listed);
}

bool Census::turned_away(base::SteadyTime now) {
  turned_away_.fetch_add(1, std::memory_order_relaxed);
  last_turned_away_.store(now);
  auto said = said_.load();
  if (said != base::SteadyTime::min() && now - said < said_every) return false;
  return said_.compare_exchange_strong(said, now);
}

bool Census::list(const Address& address, std::uint64_t limit) {
  const std::lock_guard lock(mutex_);
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return by_address_.emplace(address, 1).second;
  if (found->second >= limit) return false;
  ++found->second;
  return true;
}

}  // namespace drawbridge::serve
