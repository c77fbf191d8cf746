#pragma once

#include "proxy/http/h2_frames.h"
#include "proxy/http/h2_head.h"
#include "proxy/http/h2_library.h"
#include "proxy/http/h2_session.h"
#include "proxy/http/h2_strays.h"

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>

namespace drawbridge::http {

// A stream of which on_closed() has not been said.
struct H2Stream : boost::intrusive::list_base_hook<> {
  H2StreamId id = 0;
  H2StreamUser* user = nullptr;  // null: abandoned
  Asked asked;                   // client
  std::size_t outstanding = 0;   // bytes of on_data() not yet consumed
  std::uint32_t window = 0;      // of what it is sent
  std::size_t in_window = 0;     // consumed since it has this one
  std::size_t widest = 0;        // the largest window that was seen of what it sends
  std::size_t wanted = 0;        // what it sends waits for a window of so many bytes
  bool hurried = false;          // and does so no longer
  bool head_seen = false;        // the final one: another block is trailers
  bool sent = true;              // client: false until the request has left
  bool dead = false;             // its message broke a rule: its user hears nothing but the end
  bool ended_early = false;      // its trailers are on their way: nothing of its body is to follow
  bool reset_by_user = false;    // no error of the other side
  bool reset_received = false;
  std::string_view rule;
};

// What stands between the library's frames and the users of the streams: the inside of H2Session.
struct H2Engine final : H2Library::Events {
  using Streams = boost::intrusive::list<H2Stream>;

  H2Engine(const H2Options& chosen, H2Listener& user)
      : options(chosen), listener(user), scanner(is_server()), library(chosen, *this) {}
  ~H2Engine() {
    streams.clear_and_dispose(std::default_delete<H2Stream>());
    if (in_spare > 0) options.spare->bytes_left += in_spare;
  }

  // Where the options say: one lasts as long as its connection.
  static void* operator new(std::size_t bytes, const base::Heap* heap);
  static void operator delete(void* memory, const base::Heap* heap);
  static void operator delete(H2Engine* engine, std::destroying_delete_t);

  static constexpr std::uint64_t shutdown_token = 0x6472'6177'6272'6467;

  // What becomes of a frame: `amended`, an error of its stream alone that the library must not see.
  enum class Judgment : std::uint8_t { good, amended, over };

  bool is_server() const { return options.role == H2Options::Role::server; }
  H2Stream* find(H2StreamId id);
  H2Stream& add_stream(H2StreamUser& user);
  void close(H2Stream& stream, const H2Close& close);
  void forget(H2Stream& stream);
  void fail(H2Stream& stream, std::string_view rule);
  Judgment end(H2Code code);
  bool abuse(H2Excess excess);
  bool spend(H2Excess excess, std::uint32_t tokens = 1);
  bool receive(std::span<const char> bytes);
  Judgment judge(const H2Frame& frame);
  Judgment judge_headers(const H2Frame& frame);
  Judgment judge_priority(const H2Frame& frame);
  Judgment judge_window_update(const H2Frame& frame);
  bool judge_stray(H2StreamId id);
  void open(H2StreamId id);
  void decline(H2StreamId id, H2Code code);
  void make_room();
  void dealt_with(std::size_t bytes);
  void widen(H2Stream& stream, std::size_t consumed);
  std::size_t window_wanted(H2Stream& stream, std::size_t window) const;
  void look_again(H2Stream& stream);
  void finish_head(H2Stream& stream, bool ended);
  void finish_trailers(H2Stream& stream, bool ended);

  void block_begins(H2StreamId id, bool opens) override;
  bool field(std::string_view name, std::string_view value) override;
  void block_ends(H2StreamId id, bool ended) override;
  void data(H2StreamId id, std::span<const char> data) override;
  bool data_frame_ends(H2StreamId id, bool ended, bool empty) override;
  void frame_invalid(H2Frame::Type type, H2StreamId id) override;
  void reset_received(H2StreamId id) override;
  void goaway_received(H2StreamId last_stream, H2Code code) override;
  void settings_arrived() override;
  void window_grew(H2StreamId id) override;
  void pong_received(std::uint64_t token) override;
  void head_sent(H2StreamId id) override;
  void reset_sent(H2StreamId id, H2Code code) override;
  void stream_closed(H2StreamId id, H2Code code) override;
  H2Pulled pull(H2Stream& stream, std::span<char> into, std::size_t window) override;

  H2Options options;
  H2Listener& listener;
  base::SteadyTime now{};
  H2Budget budget{now};
  H2FrameScanner scanner;
  std::unique_ptr<H2HeadReader> reader;  // from the first block to the next rest
  H2Stream* reading = nullptr;           // whose header block is being read
  bool depends_on_itself = false;        // the stream of the last HEADERS
  H2Strays strays;
  Streams streams;
  bool broken = false;
  bool settings_received = false;
  bool goaway = false;             // received
  H2StreamId goaway_last = 0;      // what it takes
  bool ending = false;             // we said the last one
  bool any_wanted = false;         // of `streams`
  std::size_t waiting = 0;         // bytes that the connection's window is closed by
  std::size_t in_spare = 0;        // and of those that it is not
  std::uint32_t widened = 0;       // by how much the windows of streams are larger than at first, now
  std::uint32_t widened_most = 0;  // and when it was most: so is the connection's
  H2Library library;
};

}  // namespace drawbridge::http
