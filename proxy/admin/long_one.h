#pragma once

#include <cstddef>

namespace drawbridge::admin {

// Counts a session that stays long, for as long as it does.
class LongOne {
 public:
  explicit LongOne(std::size_t& count) : count_(count) { ++count_; }
  ~LongOne() { --count_; }
  LongOne(const LongOne&) = delete;
  LongOne& operator=(const LongOne&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace drawbridge::admin
