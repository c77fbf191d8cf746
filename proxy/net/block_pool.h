#pragma once

#include "proxy/net/wheel.h"

#include <cstddef>
#include <vector>

namespace drawbridge::net {

// Equal blocks of memory straight from the kernel, last used first: their pages are warm in the cache. What a burst
// left behind goes back to the kernel: once a second, as many as were free all that second. One a loop; loop thread
// only; outlives its blocks.
class BlockPool final : private Deadline::Owner {
 public:
  // `bytes` of each block; aligned as for malloc.
  BlockPool(Wheel& wheel, std::size_t bytes);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  char* take();
  void give_back(char* block);

  std::size_t bytes() const { return bytes_; }

 private:
  void deadline_passed(Deadline& deadline) override;
  char* map();
  void unmap(char* block) const;

  Wheel& wheel_;
  std::size_t bytes_;
  std::size_t colour_ = 0;
  std::size_t kept_min_;      // free ones that stay
  std::size_t free_min_ = 0;  // since the last look
  std::vector<char*> free_;
  Deadline look_;
};

}  // namespace drawbridge::net
