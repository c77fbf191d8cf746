#include "proxy/http/h2_library.h"

#include <boost/container/static_vector.hpp>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

namespace drawbridge::http {
namespace {

constexpr std::size_t frame_head_bytes = 9;
constexpr std::size_t least_data_bytes = 256;     // less room in the output is left empty
constexpr std::size_t continuations_max = 200;    // likewise; the library counts a frame for each piece of its head
constexpr std::size_t outbound_acks_max = 4'000;  // beyond what our own bounds let in at once

using NameValues = boost::container::small_vector<nghttp2_nv, 48>;

// A value that never comes again would push others out of the table, and each like it is searched for among all
// that are still there: 12 % of a small request. One is put there for its name.
NameValues name_values(const H2Fields& fields, bool& one_passing_indexed) {
  // The library copies both and writes to neither.
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  NameValues values;
  values.reserve(fields.size());
  for (const auto& [name, value, lasts] : fields) {
    const bool indexed = lasts || !std::exchange(one_passing_indexed, true);
    const auto flags = indexed ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX;
    values.push_back({.name = bytes(name),
                      .value = bytes(value),
                      .namelen = name.size(),
                      .valuelen = value.size(),
                      .flags = static_cast<std::uint8_t>(flags)});
  }
  return values;
}

std::int32_t number(H2StreamId stream) {
  return static_cast<std::int32_t>(stream);
}

}  // namespace

// Where the bodies come from, and go.
struct H2Library::Outgoing {
  static H2Library& library(void* user_data) { return *static_cast<H2Library*>(user_data); }

  static ssize_t read(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t length, std::uint32_t* flags,
                      nghttp2_data_source* source, void* user_data) {
    return library(user_data).pull(static_cast<H2StreamId>(id), *static_cast<H2Stream*>(source->ptr), length,
                                   *flags);
  }

  // The payload has been pulled to behind where the frame's head goes.
  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_head, std::size_t length,
                       nghttp2_data_source*, void* user_data) {
    auto& at = library(user_data).out_at_;
    std::memcpy(at, frame_head, frame_head_bytes);
    at += frame_head_bytes + length;
    return 0;
  }

  static nghttp2_session_callbacks* make_callbacks() {
    nghttp2_session_callbacks* table = nullptr;
    if (nghttp2_session_callbacks_new(&table) != 0) throw std::bad_alloc();
    listen(*table);
    nghttp2_session_callbacks_set_send_data_callback(table, send_data);
    return table;
  }
};

namespace {

nghttp2_option* make_option() {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, outbound_acks_max);
  nghttp2_option_set_max_continuations(option, continuations_max);
  return option;
}

nghttp2_mem functions_of(H2Memory& memory) {
  static constexpr auto of = [](void* user) -> H2Memory& { return *static_cast<H2Memory*>(user); };
  return {.mem_user_data = &memory,
          .malloc = [](std::size_t bytes, void* user) { return of(user).take(bytes); },
          .free = [](void* piece, void* user) { of(user).give_back(piece); },
          .calloc =
              [](std::size_t count, std::size_t bytes, void* user) {
                void* const piece = of(user).take(count * bytes);
                return piece != nullptr ? std::memset(piece, 0, count * bytes) : nullptr;
              },
          .realloc = [](void* piece, std::size_t bytes, void* user) { return of(user).change(piece, bytes); }};
}

void submit_settings(nghttp2_session* session, const H2Options& options, std::uint32_t streams_max) {
  boost::container::static_vector<nghttp2_settings_entry, 6> settings;
  const auto add = [&](std::int32_t id, std::uint32_t value) {
    settings.push_back({.settings_id = id, .value = value});
  };
  add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window_bytes);
  add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options.heads.head_bytes_max));
  if (options.role == H2Options::Role::server) {
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_max);
    add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
    if (options.extended_connect) add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
  } else {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0);
  }
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(options.connection_window_bytes));
}

}  // namespace

H2Library::H2Library(const H2Options& options, Events& events) : events_(events), memory_(options.heap) {
  static nghttp2_session_callbacks* const callbacks = Outgoing::make_callbacks();
  static nghttp2_option* const option = make_option();
  auto memory = functions_of(memory_);
  const auto made = options.role == H2Options::Role::server
                        ? nghttp2_session_server_new3(&session_, callbacks, this, option, &memory)
                        : nghttp2_session_client_new3(&session_, callbacks, this, option, &memory);
  if (made != 0) throw std::bad_alloc();
  submit_settings(session_, options, options.concurrent_streams_max + spare_streams);
  if (options.role == H2Options::Role::server) streams_max_ = options.concurrent_streams_max;
}

H2Library::~H2Library() {
  nghttp2_session_del(session_);
}

bool H2Library::receive(std::span<const char> bytes) {
  if (bytes.empty()) return true;
  const auto taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken == static_cast<ssize_t>(bytes.size())) return true;
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) terminate(H2Code::protocol_error);
  if (taken != NGHTTP2_ERR_CALLBACK_FAILURE) terminate(H2Code::internal_error);
  return false;
}

void H2Library::flush_control() {
  const auto bytes = std::min(control_.size(), static_cast<std::size_t>(out_end_ - out_at_));
  if (bytes > 0) std::memcpy(out_at_, control_.data(), bytes);
  out_at_ += bytes;
  control_.remove_prefix(bytes);
}

// DATA goes straight to `out`; other frames come in memory of the library's, and what does not fit waits there.
std::size_t H2Library::produce(std::span<char> out) {
  out_at_ = out.data();
  out_end_ = out_at_ + out.size();
  flush_control();
  while (control_.empty() &&
         out_end_ - out_at_ >= static_cast<std::ptrdiff_t>(frame_head_bytes + least_data_bytes)) {
    const std::uint8_t* bytes = nullptr;
    const auto count = nghttp2_session_mem_send(session_, &bytes);
    if (count <= 0) break;
    control_ = {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count)};
    auto* const at = out_at_;
    flush_control();
    if (const auto most = std::exchange(streams_max_, {}))
      amend_setting({at, out_at_}, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, *most);
  }
  return static_cast<std::size_t>(out_at_ - out.data());
}

std::ptrdiff_t H2Library::pull(H2StreamId id, H2Stream& stream, std::size_t bytes_max, std::uint32_t& flags) {
  const auto room = static_cast<std::size_t>(out_end_ - out_at_);
  if (room < frame_head_bytes + least_data_bytes) return NGHTTP2_ERR_PAUSE;
  const std::span into(out_at_ + frame_head_bytes, std::min(bytes_max, room - frame_head_bytes));
  const auto pulled = events_.pull(stream, into, bytes_max);
  if (pulled.bytes == 0 && !pulled.ended) return NGHTTP2_ERR_DEFERRED;
  flags = NGHTTP2_DATA_FLAG_NO_COPY;
  if (pulled.ended) flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!pulled.trailers.empty()) {
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    submit_trailers(id, pulled.trailers);
  }
  return static_cast<std::ptrdiff_t>(pulled.bytes);
}

bool H2Library::wants_output() const {
  return !control_.empty() || nghttp2_session_want_write(session_) != 0;
}

void H2Library::rest() {
  if (!wants_output()) memory_.rest();
}

bool H2Library::wants_input() const {
  return nghttp2_session_want_read(session_) != 0;
}

H2Stream* H2Library::find(H2StreamId stream) const {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session_, number(stream)));
}

void H2Library::attach(H2StreamId stream, H2Stream* user) {
  nghttp2_session_set_stream_user_data(session_, number(stream), user);
}

void H2Library::submit_response(H2StreamId stream, const H2Fields& fields, H2Stream* body) {
  const auto values = name_values(fields, one_passing_indexed_);
  const nghttp2_data_provider provider{.source = {.ptr = body}, .read_callback = Outgoing::read};
  nghttp2_submit_response(session_, number(stream), values.data(), values.size(),
                          body != nullptr ? &provider : nullptr);
}

void H2Library::submit_interim(H2StreamId stream, const H2Fields& fields) {
  const auto values = name_values(fields, one_passing_indexed_);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, number(stream), nullptr, values.data(), values.size(),
                         nullptr);
}

std::optional<H2StreamId> H2Library::submit_request(const H2Fields& fields, H2Stream& stream, bool body_follows) {
  const auto values = name_values(fields, one_passing_indexed_);
  const nghttp2_data_provider provider{.source = {.ptr = &stream}, .read_callback = Outgoing::read};
  const auto id = nghttp2_submit_request(session_, nullptr, values.data(), values.size(),
                                         body_follows ? &provider : nullptr, &stream);
  return id > 0 ? std::optional(static_cast<H2StreamId>(id)) : std::nullopt;
}

void H2Library::submit_trailers(H2StreamId stream, std::string_view lines) {
  H2Fields fields;
  read_field_lines(lines, fields);
  const auto values = name_values(fields, one_passing_indexed_);
  nghttp2_submit_trailer(session_, number(stream), values.data(), values.size());
}

void H2Library::submit_reset(H2StreamId stream, H2Code code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, number(stream), static_cast<std::uint32_t>(code));
}

void H2Library::submit_ping(std::uint64_t token) {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, 8>>(token);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, bytes.data());
}

void H2Library::announce_goaway() {
  nghttp2_submit_shutdown_notice(session_);
}

void H2Library::submit_goaway() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

void H2Library::terminate(H2Code code) {
  nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(code));
}

void H2Library::resume(H2StreamId stream) {
  nghttp2_session_resume_data(session_, number(stream));
}

void H2Library::consume_of_stream(H2StreamId stream, std::size_t bytes) {
  nghttp2_session_consume_stream(session_, number(stream), bytes);
}

void H2Library::consume_of_connection(std::size_t bytes) {
  nghttp2_session_consume_connection(session_, bytes);
}

void H2Library::set_window(H2StreamId stream, std::uint32_t bytes) {
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, number(stream),
                                        static_cast<std::int32_t>(bytes));
}

std::size_t H2Library::window(H2StreamId stream) const {
  const auto bytes = stream == 0 ? nghttp2_session_get_remote_window_size(session_)
                                 : nghttp2_session_get_stream_remote_window_size(session_, number(stream));
  return static_cast<std::size_t>(std::max(bytes, 0));
}

bool H2Library::request_allowed() const {
  return nghttp2_session_check_request_allowed(session_) != 0;
}

std::uint32_t H2Library::concurrent_streams_max() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2Library::connect_protocol() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

}  // namespace drawbridge::http
