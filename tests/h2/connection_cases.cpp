#include "tests/h2/case.h"
#include "tests/h2/frames.h"

namespace drawbridge::h2 {
namespace {

const std::string eight = "drawbrdg";

std::string zeros(std::size_t count) {
  return std::string(count, '\0');
}

// A request whose head comes in two frames.
std::string split_get(std::uint32_t stream, const std::string& between) {
  const auto whole_block = block(get_fields());
  return frame(type_headers, end_stream, stream, whole_block.substr(0, 5)) + between +
         frame(type_continuation, end_headers, stream, whole_block.substr(5));
}

std::string with_priority(std::uint32_t stream, std::uint32_t parent) {
  return frame(type_headers, whole_request | priority_flag, stream, u32(parent) + '\x0f' + block(get_fields()));
}

std::string open_streams(std::uint32_t count) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i) bytes += post(i * 2 + 1);
  return bytes;
}

}  // namespace

const std::vector<Case> connection_cases{
    // Frames.
    {"a whole request", get(1), "requests 1", "8.1"},
    {"a frame of an unknown type is ignored", frame(0x16, 0, 0, eight) + get(1), "requests 1", "4.1, 5.5"},
    {"an unknown type on a stream is ignored", frame(0xbe, 0xff, 1, eight) + get(1), "requests 1", "4.1, 5.5"},
    {"undefined flags are ignored", ping(eight, 0x16) + get(1), "requests 1", "4.1"},
    {"the reserved bit is ignored", frame(type_ping, 0, 0x8000'0000, eight) + get(1), "requests 1", "4.1"},
    {"DATA of the largest size", post(1) + data(1, zeros(16'384)), "requests 1", "4.2"},
    {"DATA beyond the largest size", post(1) + data(1, zeros(16'385)), "connection FRAME_SIZE_ERROR", "4.2"},
    {"HEADERS beyond the largest size", headers(1, with(get_fields(), {{"x", zeros(16'385)}})),
     "connection FRAME_SIZE_ERROR", "4.2"},
    {"a PING of seven bytes", ping(eight.substr(1)), "connection FRAME_SIZE_ERROR", "4.2, 6.7"},
    // Header blocks.
    {"a head in two frames", split_get(1, {}), "requests 1", "4.3, 6.10"},
    {"an empty CONTINUATION", split_get(1, frame(type_continuation, 0, 1, {})), "requests 1", "6.10"},
    {"PRIORITY inside a header block", split_get(1, priority(1, 3)), "connection PROTOCOL_ERROR", "4.3, 6.2"},
    {"DATA inside a header block", split_get(1, data(1, "x", 0)), "connection PROTOCOL_ERROR", "4.3, 6.2"},
    {"an unknown type inside a header block", split_get(1, frame(0x16, 0, 0, {})), "connection PROTOCOL_ERROR",
     "5.5, 6.10"},
    {"HEADERS of another stream inside a header block", split_get(1, get(3)), "connection PROTOCOL_ERROR", "4.3"},
    {"CONTINUATION of another stream", frame(type_headers, end_stream, 1, {}) + frame(type_continuation, 4, 3, {}),
     "connection PROTOCOL_ERROR", "6.10"},
    {"CONTINUATION on stream 0", frame(type_headers, end_stream, 1, {}) + frame(type_continuation, 4, 0, {}),
     "connection PROTOCOL_ERROR", "6.10"},
    {"CONTINUATION behind a complete head", get(1) + frame(type_continuation, end_headers, 1, {}),
     "connection PROTOCOL_ERROR", "6.10"},
    {"CONTINUATION behind the last CONTINUATION", split_get(1, {}) + frame(type_continuation, end_headers, 1, {}),
     "connection PROTOCOL_ERROR", "6.10"},
    {"CONTINUATION behind DATA", post(1) + data(1, "x", 0) + frame(type_continuation, end_headers, 1, {}),
     "connection PROTOCOL_ERROR", "6.10"},
    {"CONTINUATION of nothing", frame(type_continuation, end_headers, 1, block(get_fields())),
     "connection PROTOCOL_ERROR", "5.1, 6.10"},
    {"PUSH_PROMISE from a client", get(1) + frame(type_push_promise, end_headers, 1, u32(2) + block(get_fields())),
     "connection PROTOCOL_ERROR", "8.4"},
    // Streams.
    {"DATA on an idle stream", data(1, "x"), "connection PROTOCOL_ERROR", "5.1"},
    {"RST_STREAM on an idle stream", reset(1), "connection PROTOCOL_ERROR", "5.1, 6.4"},
    {"WINDOW_UPDATE on an idle stream", window_update(1, 100), "connection PROTOCOL_ERROR", "5.1"},
    {"PRIORITY on an idle stream", priority(1, 0) + get(1), "requests 1", "5.1, 6.3"},
    {"DATA behind the end of the request", post(1) + post(3) + data(1, "x") + data(1, "y"),
     "connection STREAM_CLOSED", "5.1"},
    {"HEADERS behind the end of the request", get(1) + get(1), "connection STREAM_CLOSED", "5.1"},
    {"WINDOW_UPDATE behind the end of the request", get(1) + window_update(1, 100) + get(3), "requests 2", "5.1"},
    {"PRIORITY behind the end of the request", get(1) + priority(1, 0) + get(3), "requests 2", "5.1"},
    {"DATA behind RST_STREAM", post(1) + reset(1) + data(1, "x"), "stream STREAM_CLOSED", "5.1"},
    {"HEADERS behind RST_STREAM", post(1) + reset(1) + get(1), "stream STREAM_CLOSED", "5.1"},
    {"CONTINUATION behind RST_STREAM", post(1) + reset(1) + frame(type_continuation, end_headers, 1, {}),
     "connection PROTOCOL_ERROR", "5.1"},
    {"PRIORITY behind RST_STREAM", post(1) + reset(1) + priority(1, 0) + get(3), "requests 1", "5.1"},
    {"RST_STREAM twice", post(1) + reset(1) + reset(1) + get(3), "requests 1", "5.1"},
    {"a stream of even number", get(2), "connection PROTOCOL_ERROR", "5.1.1"},
    {"a stream below one that was opened", get(5) + get(3), "connection PROTOCOL_ERROR", "5.1.1"},
    {"a stream far above the last", get(1) + get(1'000'001), "requests 2", "5.1.1"},
    {"more streams than were allowed", open_streams(11), "stream REFUSED_STREAM", "5.1.2"},
    {"more streams than were acknowledged", settings_ack() + open_streams(11), "stream REFUSED_STREAM", "5.1.2"},
    {"as many streams as are allowed", settings_ack() + open_streams(10) + ping(eight), "requests 0", "5.1.2"},
    {"streams that were reset make room", settings_ack() + open_streams(10) + reset(1) + get(21), "requests 1",
     "5.1.2"},
    {"HEADERS that depend on themselves", with_priority(1, 1) + get(3), "stream PROTOCOL_ERROR", "RFC 7540 5.3.1"},
    {"trailers that depend on themselves", post(1) + with_priority(1, 1), "stream PROTOCOL_ERROR",
     "RFC 7540 5.3.1"},
    {"PRIORITY that depends on itself", post(1) + priority(1, 1), "stream PROTOCOL_ERROR", "RFC 7540 5.3.1"},
    {"PRIORITY that depends on itself, idle", priority(1, 1), "connection PROTOCOL_ERROR", "RFC 7540 5.3.1, 6.4"},
    {"HEADERS with a priority", with_priority(1, 0x8000'0000), "requests 1", "6.2"},
    {"HEADERS that depend on an idle stream", with_priority(1, 99), "requests 1", "5.3.2"},
    // DATA.
    {"DATA in two frames", post(1) + data(1, "a", 0) + data(1, "b"), "requests 1", "6.1"},
    {"DATA with padding", post(1) + data(1, "\x06"s + "body" + zeros(6), end_stream | padded), "requests 1", "6.1"},
    {"DATA that is all padding", post(1) + data(1, "\x06"s + zeros(6), end_stream | padded), "requests 1", "6.1"},
    {"DATA on stream 0", data(0, "x"), "connection PROTOCOL_ERROR", "6.1"},
    {"padding as long as the payload", post(1) + data(1, "\x05"s + "body", padded), "connection PROTOCOL_ERROR",
     "6.1"},
    {"a padding flag without padding", post(1) + data(1, {}, padded), "connection PROTOCOL_ERROR", "6.1"},
    // HEADERS.
    {"HEADERS on stream 0", get(0), "connection PROTOCOL_ERROR", "6.2"},
    {"HEADERS with padding",
     frame(type_headers, whole_request | padded, 1, "\x03"s + block(get_fields()) + zeros(3)), "requests 1", "6.2"},
    {"HEADERS with more padding than payload",
     frame(type_headers, whole_request | padded, 1, "\xff"s + block(get_fields())), "connection PROTOCOL_ERROR",
     "6.2"},
    // PRIORITY.
    {"PRIORITY on stream 0", priority(0, 1), "connection PROTOCOL_ERROR", "6.3"},
    {"PRIORITY of four bytes", get(1) + frame(type_priority, 0, 1, u32(0)), "connection FRAME_SIZE_ERROR", "6.3"},
    // RST_STREAM.
    {"RST_STREAM on stream 0", reset(0), "connection PROTOCOL_ERROR", "6.4"},
    {"RST_STREAM of three bytes", post(1) + frame(type_rst_stream, 0, 1, zeros(3)), "connection FRAME_SIZE_ERROR",
     "6.4"},
    {"RST_STREAM with an unknown code", post(1) + reset(1, 0xff) + get(3), "requests 1", "7"},
    // SETTINGS.
    {"SETTINGS with a body that acknowledges", frame(type_settings, ack, 0, settings({{1, 1}}).substr(9)),
     "connection FRAME_SIZE_ERROR", "6.5"},
    {"SETTINGS on a stream", frame(type_settings, 0, 1, {}), "connection PROTOCOL_ERROR", "6.5"},
    {"SETTINGS of five bytes", frame(type_settings, 0, 0, zeros(5)), "connection FRAME_SIZE_ERROR", "6.5"},
    {"ENABLE_PUSH neither 0 nor 1", settings({{2, 2}}), "connection PROTOCOL_ERROR", "6.5.2"},
    {"INITIAL_WINDOW_SIZE beyond 31 bits", settings({{4, 0x8000'0000}}), "connection FLOW_CONTROL_ERROR", "6.5.2"},
    {"MAX_FRAME_SIZE too small", settings({{5, 16'383}}), "connection PROTOCOL_ERROR", "6.5.2"},
    {"MAX_FRAME_SIZE too large", settings({{5, 16'777'216}}), "connection PROTOCOL_ERROR", "6.5.2"},
    {"MAX_FRAME_SIZE at its ends", settings({{5, 16'384}}) + settings({{5, 16'777'215}}) + get(1), "requests 1",
     "6.5.2"},
    {"an unknown setting is ignored", settings({{0xff, 1}}) + get(1), "requests 1", "6.5.2"},
    {"a setting twice: the last counts", settings({{4, 0}, {4, 100}}) + get(1), "requests 1", "6.5.3"},
    {"SETTINGS_ENABLE_CONNECT_PROTOCOL of a client", settings({{8, 1}}) + get(1), "requests 1", "RFC 8441 3"},
    // PING.
    {"PING", ping(eight) + get(1), "requests 1", "6.7"},
    {"PING that acknowledges what nobody asked", ping(eight, ack) + get(1), "requests 1", "6.7"},
    {"PING on a stream", frame(type_ping, 0, 1, eight), "connection PROTOCOL_ERROR", "6.7"},
    {"PING of six bytes", ping("drawbr"), "connection FRAME_SIZE_ERROR", "6.7"},
    // GOAWAY.
    {"GOAWAY on a stream", frame(type_goaway, 0, 1, zeros(8)), "connection PROTOCOL_ERROR", "6.8"},
    {"GOAWAY of seven bytes", frame(type_goaway, 0, 0, zeros(7)), "connection FRAME_SIZE_ERROR", "6.8"},
    {"GOAWAY with an unknown code", get(1) + goaway(0, 0xff), "last requests 1", "7"},
    {"a request that was open at GOAWAY is answered", post(1) + goaway(0, 0) + data(1, "x"), "last requests 1",
     "6.8"},
    // Flow control.
    {"WINDOW_UPDATE of nothing, connection", window_update(0, 0), "connection PROTOCOL_ERROR", "6.9"},
    {"WINDOW_UPDATE of nothing, stream", post(1) + window_update(1, 0), "stream PROTOCOL_ERROR", "6.9, 5.4.2"},
    {"WINDOW_UPDATE of nothing, idle", window_update(1, 0), "connection PROTOCOL_ERROR", "6.9, 5.1"},
    {"WINDOW_UPDATE of nothing, twice", post(1) + window_update(1, 0) + window_update(1, 0),
     "stream PROTOCOL_ERROR", "6.9, 5.4.2"},
    {"WINDOW_UPDATE of three bytes", frame(type_window_update, 0, 0, zeros(3)), "connection FRAME_SIZE_ERROR",
     "6.9"},
    {"the connection's window beyond 31 bits", window_update(0, 0x7fff'ffff), "connection FLOW_CONTROL_ERROR",
     "6.9.1"},
    {"a stream's window beyond 31 bits", post(1) + window_update(1, 0x7fff'ffff), "stream FLOW_CONTROL_ERROR",
     "6.9.1"},
    {"INITIAL_WINDOW_SIZE takes a stream's window beyond 31 bits",
     post(1) + window_update(1, 0x7fff'0000) + settings({{4, 0x7fff'ffff}}), "connection FLOW_CONTROL_ERROR",
     "6.9.2"},
    {"a window of one byte", settings({{4, 1}}) + get(1) + window_update(1, 7), "requests 1", "6.9.1"},
    {"a window opened afterwards", settings({{4, 0}}) + get(1) + settings({{4, 8}}), "requests 1", "6.9.2"},
    {"a window that had gone negative",
     settings({{4, 3}}) + get(1) + settings({{4, 2}}) + window_update(1, 2) + window_update(1, 4), "requests 1",
     "6.9.2"},
    {"more DATA than the stream's window",
     settings_ack() + post(1) + data(1, zeros(16'384), 0) + data(1, zeros(16'384), 0),
     "connection FLOW_CONTROL_ERROR", "6.9"},
};

}  // namespace drawbridge::h2
