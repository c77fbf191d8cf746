#pragma once

#include "proxy/base/failure.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

namespace drawbridge::obs {

// Bytes from one producing thread to one consuming thread, without locks and without copies. The memory is mapped
// twice in a row, so that what is free and what is waiting is each one contiguous piece, also around the end.
class ByteRing {
 public:
  // `bytes` is a power of two and a multiple of the page size.
  static base::Expected<std::unique_ptr<ByteRing>> make(std::size_t bytes);
  ~ByteRing();
  ByteRing(const ByteRing&) = delete;
  ByteRing& operator=(const ByteRing&) = delete;

  // Producer: `bytes` of contiguous room to write into, or nullptr if there is less. commit() hands over the first
  // `bytes` written there.
  char* reserve(std::size_t bytes);
  void commit(std::size_t bytes);
  std::size_t waiting() const;  // either side

  // Consumer: all that waits; valid until release(), which gives back the first `bytes` of it.
  std::string_view readable() const;
  void release(std::size_t bytes);

 private:
  ByteRing(char* memory, std::size_t bytes) : memory_(memory), bytes_(bytes) {}

  // The two ends on lines of their own: else each side's store would evict the other's from its cache.
  char* memory_;
  std::size_t bytes_;
  alignas(64) std::atomic<std::size_t> written_{0};
  std::size_t known_read_ = 0;  // producer's last look at read_
  alignas(64) std::atomic<std::size_t> read_{0};
};

}  // namespace drawbridge::obs
