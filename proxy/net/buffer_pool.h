#pragma once

#include "proxy/base/limits.h"
#include "proxy/net/block_pool.h"

#include <cstddef>
#include <span>
#include <utility>

namespace drawbridge::net {

class BufferPool;

// A block of limits::io_buffer_bytes on loan from its pool, or nothing.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = std::exchange(other.pool_, nullptr);
      data_ = std::exchange(other.data_, nullptr);
    }
    return *this;
  }

  explicit operator bool() const { return data_ != nullptr; }
  char* data() const { return data_; }
  static constexpr std::size_t size() { return base::limits::io_buffer_bytes; }
  std::span<char> span() const { return {data_, size()}; }
  void reset();

 private:
  friend class BufferPool;
  Buffer(BufferPool& pool, char* data) : pool_(&pool), data_(data) {}

  BufferPool* pool_ = nullptr;
  char* data_ = nullptr;
};

// Blocks for reading and writing. Idle connections hold none, and of the others only those that have something in
// it. One a loop; loop thread only; outlives its buffers.
class BufferPool {
 public:
  explicit BufferPool(Wheel& wheel) : blocks_(wheel, Buffer::size()) {}

  Buffer take() { return {*this, blocks_.take()}; }

 private:
  friend class Buffer;
  BlockPool blocks_;
};

inline void Buffer::reset() {
  if (data_ != nullptr) pool_->blocks_.give_back(std::exchange(data_, nullptr));
}

}  // namespace drawbridge::net
