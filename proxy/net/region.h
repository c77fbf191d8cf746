#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace drawbridge::net {

// Addresses for all pieces of one size that there may be, so that a look at an address tells whose memory it is.
// Memory is behind those that are lent. Any thread.
class Region {
 public:
  // `piece_bytes`: a multiple of the page size; pieces are aligned to the greatest power of two in it. Without
  // addresses (a bound on them, a kernel that does not overcommit) it is empty.
  Region(std::size_t piece_bytes, std::uint32_t pieces_max);
  ~Region() = delete;  // lives until the process ends

  bool has(const void* memory) const {
    const auto offset = reinterpret_cast<std::uintptr_t>(memory) - reinterpret_cast<std::uintptr_t>(begin_);
    return offset < bytes_;
  }
  void* take();  // null: all are lent
  void give_back(void* piece);

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  std::size_t piece_bytes_;
  std::uint32_t pieces_max_;
  char* begin_ = nullptr;
  std::size_t bytes_ = 0;
  std::mutex mutex_;
  std::uint32_t cold_ = none;  // given back: the first of a list
  std::uint32_t touched_ = 0;  // lent at least once
  std::unique_ptr<std::uint32_t[]> next_;
};

}  // namespace drawbridge::net
