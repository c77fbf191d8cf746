#pragma once

#include "proxy/base/limits.h"
#include "proxy/net/block_pool.h"

#include <cstddef>
#include <span>
#include <utility>

namespace drawbridge::net {

class BufferPool;

// A block on loan from its pool, or nothing: limits::io_buffer_bytes, or for bulk more.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(other.bytes_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = std::exchange(other.pool_, nullptr);
      data_ = std::exchange(other.data_, nullptr);
      bytes_ = other.bytes_;
    }
    return *this;
  }

  explicit operator bool() const { return data_ != nullptr; }
  char* data() const { return data_; }
  static constexpr std::size_t size() { return base::limits::io_buffer_bytes; }  // at least
  std::span<char> span() const { return {data_, bytes_}; }
  void reset();

 private:
  friend class BufferPool;
  Buffer(BufferPool& pool, char* data, std::size_t bytes) : pool_(&pool), data_(data), bytes_(bytes) {}

  BufferPool* pool_ = nullptr;
  char* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// Blocks for reading and writing. Idle connections hold none, and of the others only those that have something in
// it. One a loop; loop thread only; outlives its buffers.
class BufferPool {
 public:
  explicit BufferPool(Wheel& wheel)
      : blocks_(wheel, Buffer::size()), bulk_blocks_(wheel, base::limits::bulk_buffer_bytes) {}

  Buffer take() { return {*this, blocks_.take(), blocks_.bytes()}; }
  // For a body that comes faster than one block at a time; an ordinary one if there are enough of these.
  Buffer take_bulk() {
    if (bulk_lent_ == base::limits::bulk_buffers_max) return take();
    ++bulk_lent_;
    return {*this, bulk_blocks_.take(), bulk_blocks_.bytes()};
  }

 private:
  friend class Buffer;
  void give_back(char* block, std::size_t bytes) {
    if (bytes == blocks_.bytes()) return blocks_.give_back(block);
    --bulk_lent_;
    bulk_blocks_.give_back(block);
  }

  BlockPool blocks_, bulk_blocks_;
  std::size_t bulk_lent_ = 0;
};

inline void Buffer::reset() {
  if (data_ != nullptr) pool_->give_back(std::exchange(data_, nullptr), bytes_);
}

}  // namespace drawbridge::net
