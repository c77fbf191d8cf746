#pragma once

#include "proxy/net/wheel.h"

#include <cstddef>
#include <vector>

namespace drawbridge::net {

// Equal blocks of memory straight from the kernel, last used first: their pages are warm in the cache. What nobody
// used for half a second goes back to the kernel, of what a burst left behind most of it sooner. One a loop; loop
// thread only; outlives its blocks.
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
  void look_later(bool calm);
  char* map();
  void unmap(char* block) const;

  Wheel& wheel_;
  std::size_t bytes_;
  std::size_t colour_ = 0;
  std::size_t kept_min_;      // free ones that stay while there is load
  bool calm_ = false;         // the next look may go below that
  std::size_t free_min_ = 0;  // since the last look
  std::vector<char*> free_;
  Deadline look_;
};

}  // namespace drawbridge::net
