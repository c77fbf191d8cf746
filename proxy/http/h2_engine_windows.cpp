// The windows of streams and of their connection, both ways (RFC 9113 section 5.2).
#include "proxy/base/check.h"
#include "proxy/http/h2_engine.h"

#include <algorithm>
#include <utility>

namespace drawbridge::http {
namespace {

constexpr std::size_t tiny_bytes = 256;    // of DATA
constexpr std::size_t ample_bytes = 4096;  // no DATA waits for more window than that

}  // namespace

// Also when nothing came to wait: others may have left room meanwhile.
void H2Engine::make_room() {
  const std::size_t kept = options.connection_window_bytes / 4;
  if (waiting <= kept || options.spare == nullptr) return;
  const auto bytes = std::min(waiting - kept, options.spare->bytes_left);
  options.spare->bytes_left -= bytes;
  in_spare += bytes;
  waiting -= bytes;
  library.consume_of_connection(bytes);
}

// The room that all share is the first to be given back.
void H2Engine::dealt_with(std::size_t bytes) {
  const auto of_spare = std::min(bytes, in_spare);
  if (of_spare > 0) options.spare->bytes_left += of_spare;
  in_spare -= of_spare;
  waiting -= bytes - of_spare;
  library.consume_of_connection(bytes - of_spare);
}

// What a stream has gained it leaves to others; the connection's window stays.
void H2Engine::widen(H2Stream& stream, std::size_t consumed) {
  stream.in_window += consumed;
  const auto more = std::min(stream.window, options.stream_window_bytes_max - stream.window);
  if (stream.in_window < stream.window || more == 0 || widened + more > options.widened_bytes_max) return;
  stream.in_window = 0;
  stream.window += more;
  widened += more;
  library.set_window(stream.id, stream.window);
  if (widened <= widened_most) return;
  widened_most = widened;
  library.set_window(0, options.connection_window_bytes + widened_most);
}

// The windows of streams may have become larger, or smaller for good.
void H2Engine::settings_arrived() {
  settings_received = true;
  for (auto& stream : streams) {
    stream.widest = 0;
    stream.wanted = std::min<std::size_t>(stream.wanted, 1);
  }
  window_grew(0);
  listener.on_settings();
}

// As RFC 9293 section 3.8.6.2.1 has it for TCP. Whoever gives back the window of each frame gives us back the size
// of each: without that, what once was left of a window would go to and fro as a frame of its own for ever. 0:
// enough.
std::size_t H2Engine::window_wanted(H2Stream& stream, std::size_t window) const {
  const auto seen = window < ample_bytes ? library.window(stream.id) : window;
  stream.widest = std::max(stream.widest, seen);
  const auto worth_a_frame = std::min(ample_bytes, stream.widest / 2);
  if (window >= worth_a_frame) return 0;
  const auto at_hand = stream.user->at_hand();
  return at_hand > window ? std::min(at_hand, worth_a_frame) : 0;
}

void H2Engine::look_again(H2Stream& stream) {
  if (stream.wanted == 0) return;
  if (std::min(library.window(stream.id), library.window(0)) < stream.wanted) {
    any_wanted = true;
  } else {
    stream.wanted = 0;
    library.resume(stream.id);
  }
}

void H2Engine::window_grew(H2StreamId id) {
  if (!any_wanted) return;
  if (id != 0) {
    if (auto* const stream = library.find(id)) look_again(*stream);
    return;
  }
  any_wanted = false;
  for (auto& stream : streams) look_again(stream);
}

H2Pulled H2Engine::pull(H2Stream& stream, std::span<char> into, std::size_t window) {
  if (stream.dead || stream.ended_early) return {};
  const bool hurried = std::exchange(stream.hurried, false);
  stream.wanted = hurried ? 0 : window_wanted(stream, window);
  any_wanted = any_wanted || stream.wanted > 0;
  if (stream.wanted > 0) return {};
  const auto pulled = stream.user->on_pull(into);
  DRAWBRIDGE_CHECK(pulled.bytes <= into.size());
  const bool cut = window < tiny_bytes && pulled.bytes == into.size() && !pulled.ended;
  if (cut && !hurried) spend(H2Excess::tiny_frames);
  return pulled;
}

}  // namespace drawbridge::http
