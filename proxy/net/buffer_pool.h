#pragma once

#include "proxy/base/limits.h"

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

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

// Blocks for reading and writing, last used first (its pages are warm). Idle connections hold none. One a loop;
// loop thread only; outlives its buffers.
class BufferPool {
 public:
  Buffer take();

 private:
  friend class Buffer;
  static constexpr std::size_t kept_max = 256;
  std::vector<std::unique_ptr<char[]>> free_;
};

}  // namespace drawbridge::net
