#include "proxy/net/buffer_pool.h"

namespace drawbridge::net {

void Buffer::reset() {
  if (data_ == nullptr) return;
  std::unique_ptr<char[]> block(std::exchange(data_, nullptr));
  auto& free = pool_->free_;
  if (free.size() < BufferPool::kept_max) free.push_back(std::move(block));
}

Buffer BufferPool::take() {
  if (free_.empty()) return {*this, new char[Buffer::size()]};
  auto block = std::move(free_.back());
  free_.pop_back();
  return {*this, block.release()};
}

}  // namespace drawbridge::net
