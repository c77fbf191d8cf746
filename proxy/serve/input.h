#pragma once

#include "proxy/net/buffer_pool.h"

#include <cstring>
#include <span>
#include <string_view>

namespace drawbridge::serve {

// What was read from one side and not yet used: a buffer with a window, taken when there is something to read.
// Bytes before `floor` (a head whose views are still needed) stay where they are. Worker thread only.
class Input {
 public:
  explicit Input(net::BufferPool& pool) : pool_(pool) {}

  // Nothing is in it any more, also no head whose views are needed.
  void give_buffer_back() {
    buffer_.reset();
    floor_ = begin_ = end_ = 0;
  }
  // Whoever waits for more without anything in the buffer need not hold one.
  void rest() {
    if (begin_ == end_ && floor_ == 0) give_buffer_back();
  }

  bool empty() const { return begin_ == end_; }
  std::string_view view() const { return {buffer_.data() + begin_, end_ - begin_}; }
  std::span<char> bytes() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }
  void commit(std::size_t bytes) { end_ += bytes; }

  // Everything up to here was used but must stay; what follows may move.
  void keep_consumed() { floor_ = begin_; }

  // Where the next read goes. Empty only if unused bytes fill the buffer. `bulk`: a large one, if it is to be
  // taken.
  std::span<char> room(bool bulk = false) {
    if (!buffer_) buffer_ = bulk ? pool_.take_bulk() : pool_.take();
    if (begin_ == end_) {
      begin_ = end_ = floor_;
    } else if (end_ == buffer_.span().size() && begin_ > floor_) {
      std::memmove(buffer_.data() + floor_, buffer_.data() + begin_, end_ - begin_);
      end_ = floor_ + (end_ - begin_);
      begin_ = floor_;
    }
    return buffer_.span().subspan(end_);
  }

  // Where the unused part begins. Valid for rewind() as long as nothing was read into this input meanwhile.
  std::size_t mark() const { return begin_; }
  void rewind(std::size_t mark) { begin_ = mark; }

  // Forgets everything.
  void restart_empty() { floor_ = begin_ = end_ = 0; }

  // Forgets the kept part: what is unused moves to the front.
  void restart() {
    if (!buffer_) return;
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    floor_ = begin_ = 0;
  }

 private:
  net::BufferPool& pool_;
  net::Buffer buffer_;
  std::size_t floor_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace drawbridge::serve
