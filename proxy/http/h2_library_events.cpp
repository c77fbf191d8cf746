#include "proxy/http/h2_library.h"

#include <nghttp2/nghttp2.h>

#include <cstring>

// What nghttp2 says: unpacked and passed on.
namespace drawbridge::http {
namespace {

std::string_view view(nghttp2_rcbuf* text) {
  const auto bytes = nghttp2_rcbuf_get_buf(text);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

H2Frame::Type type_of(const nghttp2_frame_hd& head) {
  const bool is_known = head.type < static_cast<std::uint8_t>(H2Frame::Type::other);
  return is_known ? static_cast<H2Frame::Type>(head.type) : H2Frame::Type::other;
}

int go_on(bool good) {
  return good ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

bool ends_stream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

}  // namespace

struct H2Library::Incoming {
  static Events& events(void* user_data) { return static_cast<H2Library*>(user_data)->events_; }

  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    const auto id = frame->hd.stream_id;
    const bool opens = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    // Whatever the client signals, streams take turns.
    constexpr nghttp2_extpri turns{.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    if (opens) nghttp2_session_change_extpri_stream_priority(session, id, &turns, 1);
    events(user_data).block_begins(static_cast<H2StreamId>(id), opens);
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name, nghttp2_rcbuf* value, std::uint8_t,
                    void* user_data) {
    return go_on(events(user_data).field(view(name), view(value)));
  }

  // What the library would leave out breaks the message (RFC 9113 section 8.2.1).
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                            std::uint8_t, void* user_data) {
    const bool good = events(user_data).field(view(name), view(value));
    return good ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    const auto id = static_cast<H2StreamId>(frame->hd.stream_id);
    auto& to = events(user_data);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        to.block_ends(id, ends_stream(*frame));
        return 0;
      case NGHTTP2_DATA:
        return go_on(to.data_frame_ends(id, ends_stream(*frame), frame->hd.length == frame->data.padlen));
      case NGHTTP2_RST_STREAM:
        to.reset_received(id);
        return 0;
      case NGHTTP2_GOAWAY:
        to.goaway_received(static_cast<H2StreamId>(frame->goaway.last_stream_id),
                           static_cast<H2Code>(frame->goaway.error_code));
        return 0;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) to.settings_arrived();
        return 0;
      case NGHTTP2_WINDOW_UPDATE:
        to.window_grew(id);
        return 0;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
          std::uint64_t token = 0;
          std::memcpy(&token, frame->ping.opaque_data, sizeof token);
          to.pong_received(token);
        }
        return 0;
      default:
        return 0;
    }
  }

  static int frame_invalid(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
    events(user_data).frame_invalid(type_of(frame->hd), static_cast<H2StreamId>(frame->hd.stream_id));
    return 0;
  }

  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                        std::size_t bytes, void* user_data) {
    events(user_data).data(static_cast<H2StreamId>(id), {reinterpret_cast<const char*>(data), bytes});
    return 0;
  }

  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    const auto id = static_cast<H2StreamId>(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS) events(user_data).head_sent(id);
    if (frame->hd.type == NGHTTP2_RST_STREAM)
      events(user_data).reset_sent(id, static_cast<H2Code>(frame->rst_stream.error_code));
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user_data) {
    events(user_data).stream_closed(static_cast<H2StreamId>(id), static_cast<H2Code>(code));
    return 0;
  }
};

void H2Library::listen(nghttp2_session_callbacks& table) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(&table, Incoming::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(&table, Incoming::header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(&table, Incoming::invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(&table, Incoming::frame_received);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(&table, Incoming::frame_invalid);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(&table, Incoming::data_chunk);
  nghttp2_session_callbacks_set_on_frame_send_callback(&table, Incoming::frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(&table, Incoming::stream_closed);
}

}  // namespace drawbridge::http
