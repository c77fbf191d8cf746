#include "proxy/net/region.h"

#include <bit>
#include <sys/mman.h>
#include <utility>

namespace drawbridge::net {

Region::Region(std::size_t piece_bytes, std::uint32_t pieces_max)
    : piece_bytes_(piece_bytes), pieces_max_(pieces_max) {
  const auto alignment = std::size_t{1} << std::countr_zero(piece_bytes);
  const auto bytes = piece_bytes * pieces_max;
  void* room = ::mmap(nullptr, bytes + alignment, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return;
  ::madvise(room, bytes + alignment, MADV_NOHUGEPAGE);
  const auto address = reinterpret_cast<std::uintptr_t>(room);
  begin_ = static_cast<char*>(room) + (alignment - address % alignment) % alignment;
  bytes_ = bytes;
  next_ = std::make_unique_for_overwrite<std::uint32_t[]>(pieces_max);
}

void* Region::take() {
  const std::lock_guard lock(mutex_);
  if (cold_ != none) return begin_ + piece_bytes_ * std::exchange(cold_, next_[cold_]);
  return bytes_ == 0 || touched_ == pieces_max_ ? nullptr : begin_ + piece_bytes_ * touched_++;
}

void Region::give_back(void* piece) {
  ::madvise(piece, piece_bytes_, MADV_DONTNEED);
  const auto offset = static_cast<std::size_t>(static_cast<char*>(piece) - begin_);
  const auto number = static_cast<std::uint32_t>(offset / piece_bytes_);
  const std::lock_guard lock(mutex_);
  next_[number] = std::exchange(cold_, number);
}

}  // namespace drawbridge::net
