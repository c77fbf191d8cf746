#include "proxy/net/ticket_keys.h"

#include "proxy/base/check.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

namespace drawbridge::net {
namespace {

void fill(std::span<std::uint8_t> bytes) {
  DRAWBRIDGE_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
}

}  // namespace

TicketKeys::TicketKeys() {
  rotate();
}

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(keys_.data(), sizeof keys_);
}

void TicketKeys::rotate() {
  Key fresh;
  fill(fresh.name);
  fill(fresh.cipher);
  fill(fresh.mac);
  const std::lock_guard lock(mutex_);
  std::shift_right(keys_.begin(), keys_.end(), 1);
  keys_.front() = fresh;
  count_ = std::min(count_ + 1, kept);
}

TicketKeys::Key TicketKeys::current() const {
  const std::lock_guard lock(mutex_);
  return keys_.front();
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const std::uint8_t> name) const {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < count_; ++i) {
    if (std::ranges::equal(keys_[i].name, name)) return Found{.key = keys_[i], .old = i > 0};
  }
  return std::nullopt;
}

}  // namespace drawbridge::net
