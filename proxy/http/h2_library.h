#pragma once

#include "proxy/http/h2_code.h"
#include "proxy/http/h2_fields.h"
#include "proxy/http/h2_frames.h"
#include "proxy/http/h2_memory.h"
#include "proxy/http/h2_session.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace drawbridge::http {

struct H2Stream;  // a stream as the user of the library keeps it

// nghttp2 in the words of this house: frames, HPACK and windows. Nothing outside its sources knows it.
class H2Library {
 public:
  // What happened. Where a bool is returned, false ends the connection: receive() fails.
  class Events {
   public:
    // A header block; `opens`: the request that opens this stream.
    virtual void block_begins(H2StreamId stream, bool opens) = 0;
    virtual bool field(std::string_view name, std::string_view value) = 0;
    virtual void block_ends(H2StreamId stream, bool ended) = 0;
    virtual void data(H2StreamId stream, std::span<const char> data) = 0;
    virtual bool data_frame_ends(H2StreamId stream, bool ended, bool empty) = 0;
    // The frame broke a rule that the library keeps; it resets the stream or ends the connection.
    virtual void frame_invalid(H2Frame::Type type, H2StreamId stream) = 0;
    virtual void reset_received(H2StreamId stream) = 0;
    virtual void goaway_received(H2StreamId last_stream, H2Code code) = 0;
    virtual void settings_arrived() = 0;
    virtual void window_grew(H2StreamId stream) = 0;  // of what is sent; 0: the connection's
    virtual void pong_received(std::uint64_t token) = 0;
    virtual void head_sent(H2StreamId stream) = 0;
    virtual void reset_sent(H2StreamId stream, H2Code code) = 0;
    virtual void stream_closed(H2StreamId stream, H2Code code) = 0;
    // See H2StreamUser::on_pull(). `window`: what a frame may hold now, whatever room the output has.
    virtual H2Pulled pull(H2Stream& stream, std::span<char> into, std::size_t window) = 0;

   protected:
    ~Events() = default;
  };

  H2Library(const H2Options& options, Events& events);
  ~H2Library();
  H2Library(const H2Library&) = delete;
  H2Library& operator=(const H2Library&) = delete;

  bool receive(std::span<const char> bytes);
  std::size_t produce(std::span<char> out);
  bool wants_output() const;
  bool wants_input() const;
  void rest();  // there is no stream

  H2Stream* find(H2StreamId stream) const;
  void attach(H2StreamId stream, H2Stream* user);

  void submit_response(H2StreamId stream, const H2Fields& fields, H2Stream* body);  // null: ends with the head
  void submit_interim(H2StreamId stream, const H2Fields& fields);
  std::optional<H2StreamId> submit_request(const H2Fields& fields, H2Stream& stream, bool body_follows);
  void submit_trailers(H2StreamId stream, std::string_view lines);  // they end the message
  void submit_reset(H2StreamId stream, H2Code code);
  void submit_ping(std::uint64_t token);
  void announce_goaway();
  void submit_goaway();         // of what was received so far
  void terminate(H2Code code);  // GOAWAY, and nothing after
  void resume(H2StreamId stream);
  // What came opens its window again: the stream's, the connection's.
  void consume_of_stream(H2StreamId stream, std::size_t bytes);
  void consume_of_connection(std::size_t bytes);
  void set_window(H2StreamId stream, std::uint32_t bytes);  // of what comes; 0: the connection's. Not smaller

  std::size_t window(H2StreamId stream) const;  // of what is sent; 0: the connection's

  bool request_allowed() const;
  std::uint32_t concurrent_streams_max() const;  // the other side's setting
  bool connect_protocol() const;                 // likewise

 private:
  // One stream more than was acknowledged is an error of the stream (RFC 9113 section 5.1.2), and to the library
  // one of the connection, with which all its other streams would be lost. So the library is told of a bound that
  // only a flood reaches, and the client of ours.
  static constexpr std::uint32_t spare_streams = 400;

  struct Incoming;
  struct Outgoing;
  static void listen(nghttp2_session_callbacks& table);
  void flush_control();
  std::ptrdiff_t pull(H2StreamId id, H2Stream& stream, std::size_t bytes_max, std::uint32_t& flags);

  Events& events_;
  H2Memory memory_;
  nghttp2_session* session_ = nullptr;
  char* out_at_ = nullptr;  // while produce() runs
  char* out_end_ = nullptr;
  std::string_view control_;                  // of the library's memory: put out before it is asked for more
  std::optional<std::uint32_t> streams_max_;  // still to be said: in SETTINGS, the first frame, which fits any room
  bool one_passing_indexed_ = false;          // a field that does not last: its name can be referred to
};

}  // namespace drawbridge::http
