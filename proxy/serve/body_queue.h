#pragma once

#include "proxy/net/buffer_pool.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace drawbridge::serve {

// Bytes of a body that came unasked and wait to be taken, in blocks. What bounds them is the window that whoever
// sends them was given. Worker thread only; the pool outlives it.
class BodyQueue {
 public:
  explicit BodyQueue(net::BufferPool& pool) : pool_(pool) {}

  void append(std::span<const char> bytes);

  // The next piece; it stays until release(). Empty if all was taken.
  std::span<const char> take();
  bool empty() const { return taken_ == size_; }
  // Bytes taken so far, those released included.
  std::uint64_t bytes_taken() const { return released_ + taken_; }

  // Forgets what was taken: how many bytes that were.
  std::size_t release();
  // What was taken and not released comes again.
  void rewind() { taken_ = 0; }

 private:
  static constexpr std::size_t block_bytes = net::Buffer::size();

  net::BufferPool& pool_;
  std::vector<net::Buffer> blocks_;
  std::size_t first_ = 0;  // bytes of the first block that were released
  std::size_t size_ = 0;   // bytes that were not released
  std::size_t taken_ = 0;  // of them
  std::uint64_t released_ = 0;
};

}  // namespace drawbridge::serve
