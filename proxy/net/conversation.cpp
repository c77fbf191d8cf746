#include "proxy/net/conversation.h"

#include "proxy/net/fork.h"

#include <array>

namespace drawbridge::net {

using base::Failure;
using base::Reason;

Task<Conversation::Came> Conversation::run(std::string_view first) {
  runs_ = true;
  over_ = pausing_ = false;
  Fork<bool> writer(write_all());
  co_await read_all(first);
  over_ = true;
  if (!pausing_ && !speaker_.finished()) stream_.cancel(Reason::cancelled);
  output_.tell();
  co_await writer.join();
  runs_ = false;
  co_return pausing_ && !broken_ ? Came::pause : Came::end;
}

void Conversation::pause() {
  if (!runs_ || over_ || writing_ || speaker_.wants_to_speak()) return;
  pausing_ = true;
  stream_.interrupt_read();
}

Task<> Conversation::read_all(std::string_view first) {
  // By the writer, to look again, or for a pause; a stream that was cancelled, for whatever reason, says so for
  // ever.
  const auto interrupted = [this](const Failure& failure) {
    return failure.reason == Reason::timed_out && !stream_.cancelled();
  };
  bool good = first.empty() || speaker_.hear(first);
  for (;;) {
    const bool taken = co_await flushed();
    if (!taken || !good || pausing_ || speaker_.finished()) co_return;
    const auto readable = co_await stream_.readable(base::SteadyTime::max());
    if (pausing_) co_return;
    if (!readable && interrupted(readable.error())) continue;
    if (!readable) {
      failure_ = readable.error();
      co_return;
    }
    auto buffer = buffers_.take();
    const auto got = co_await stream_.read_some(buffer.span(), base::SteadyTime::max());
    if (!got && interrupted(got.error())) continue;
    if (!got) failure_ = got.error();
    if (!got || *got == 0) co_return;
    good = speaker_.hear(buffer.span().first(*got));
  }
}

// Waits until what can be written now was written. False if it cannot be.
Task<bool> Conversation::flushed() {
  output_.tell();
  while (!broken_ && (writing_ || speaker_.wants_to_speak())) co_await flushed_.wait();
  co_return !broken_;
}

Task<bool> Conversation::write_all() {
  for (;;) {
    auto buffer = speaker_.wants_to_speak() ? buffers_.take() : Buffer();
    const auto bytes = buffer ? speaker_.speak(buffer.span()) : 0;
    speaker_.spoken();
    if (bytes == 0) {
      buffer.reset();
      flushed_.tell();
      if (speaker_.finished()) stream_.interrupt_read();
      if (over_) co_return true;
      co_await output_.wait();
      continue;
    }
    writing_ = true;
    const std::array<std::string_view, 1> parts{std::string_view(buffer.data(), bytes)};
    const auto written = co_await stream_.write(parts, speaker_.write_patience());
    writing_ = false;
    if (written) continue;
    broken_ = true;
    failure_ = written.error();
    flushed_.tell();
    stream_.cancel(written.error());
    co_return false;
  }
}

}  // namespace drawbridge::net
