#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace drawbridge::bench {

// One answer as it comes: knows its status, its length and when it is complete. It needs a Content-Length.
class Answer {
 public:
  enum class State : std::uint8_t { incomplete, complete, wrong };

  void restart() {
    head_.clear();
    status_ = 0;
    body_bytes_ = body_left_ = 0;
  }
  bool begun() const { return status_ != 0 || !head_.empty(); }
  int status() const { return status_; }
  std::uint64_t body_bytes() const { return body_bytes_; }

  State take(std::string_view bytes);

 private:
  bool read_head(std::string_view head);

  std::string head_;  // only while it is incomplete
  int status_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t body_left_ = 0;
};

}  // namespace drawbridge::bench
