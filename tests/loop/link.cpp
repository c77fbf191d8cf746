#include "tests/loop/link.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace drawbridge::tests {

void Link::hear() {
  const auto bytes = socket_.read_some();
  ended_ = bytes.empty();
  unread_ += bytes;
  if (!greeted_ && unread_.starts_with(h2::magic)) unread_.erase(0, h2::magic.size());
  greeted_ = greeted_ || !h2::magic.starts_with(unread_);
  if (!greeted_) return;
  auto frames = h2::take_frames(unread_);
  std::ranges::move(frames, std::back_inserter(frames_));
}

std::vector<h2::Frame> Link::heard() {
  while (!ended_ && !socket_.quiet_for(0)) hear();
  return std::exchange(frames_, {});
}

std::size_t Link::heard(unsigned type) {
  const auto frames = heard();
  return static_cast<std::size_t>(std::ranges::count(frames, type, &h2::Frame::type));
}

bool Link::ended() {
  while (!ended_ && !socket_.quiet_for(0)) hear();
  return ended_;
}

h2::Frame Link::await(unsigned type) {
  for (;;) {
    const auto found = std::ranges::find(frames_, type, &h2::Frame::type);
    if (found != frames_.end()) {
      auto frame = *found;
      frames_.erase(found);
      return frame;
    }
    if (ended_) throw std::runtime_error("the connection ended before the frame came");
    hear();
  }
}

}  // namespace drawbridge::tests
