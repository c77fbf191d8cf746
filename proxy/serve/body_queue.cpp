#include "proxy/serve/body_queue.h"

#include <algorithm>
#include <cstring>

namespace drawbridge::serve {

void BodyQueue::append(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const auto end = first_ + size_;
    if (end == blocks_.size() * block_bytes) blocks_.push_back(pool_.take());
    const auto at = end % block_bytes;
    const auto count = std::min(bytes.size(), block_bytes - at);
    std::memcpy(blocks_.back().data() + at, bytes.data(), count);
    size_ += count;
    bytes = bytes.subspan(count);
  }
}

std::span<const char> BodyQueue::take() {
  const auto begin = first_ + taken_;
  const auto at = begin % block_bytes;
  const auto count = std::min(size_ - taken_, block_bytes - at);
  if (count == 0) return {};
  taken_ += count;
  return {blocks_[begin / block_bytes].data() + at, count};
}

std::size_t BodyQueue::release() {
  const auto count = taken_;
  const auto begin = first_ + count;
  released_ += count;
  size_ -= count;
  taken_ = 0;
  // An empty queue starts its last block anew: a body that is taken as it comes stays in one.
  const auto whole = size_ == 0 ? blocks_.size() : begin / block_bytes;
  const auto kept = size_ == 0 && !blocks_.empty() ? whole - 1 : whole;
  blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(kept));
  first_ = size_ == 0 ? 0 : begin % block_bytes;
  return count;
}

}  // namespace drawbridge::serve
