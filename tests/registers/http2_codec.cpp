#include "tests/registers/codec.h"

#include <nghttp2/nghttp2.h>

#include <array>
#include <charconv>

namespace drawbridge::registers {
namespace {

class Http2Codec final : public Codec {
 public:
  Http2Codec() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, closed);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
  }
  ~Http2Codec() override { nghttp2_session_del(session_); }

  void open(std::string& out) override {
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
    flush(out);
  }

  void ask(std::string_view method, std::string_view path, std::string& out) override {
    answer_ = {};
    const std::array fields{pair(":method", method), pair(":scheme", "http"),
                            pair(":authority", "registers.example"), pair(":path", path)};
    nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), nullptr, nullptr);
    flush(out);
  }

  std::optional<Answer> take(std::string& in, std::string& out) override {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(in.data());
    if (nghttp2_session_mem_recv(session_, bytes, in.size()) < 0) goodbye_ = over_ = true;
    in.clear();
    flush(out);
    if (!over_) return std::nullopt;
    over_ = false;
    answer_.closes = goodbye_;
    return answer_;
  }

 private:
  static Http2Codec& self(void* codec) { return *static_cast<Http2Codec*>(codec); }

  static int header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_bytes,
                    const std::uint8_t* value, std::size_t value_bytes, std::uint8_t, void* codec) {
    if (text(name, name_bytes) != ":status") return 0;
    const auto status = text(value, value_bytes);
    std::from_chars(status.data(), status.data() + status.size(), self(codec).answer_.status);
    return 0;
  }
  static int data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* bytes, std::size_t count,
                  void* codec) {
    self(codec).answer_.body += text(bytes, count);
    return 0;
  }
  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* codec) {
    self(codec).goodbye_ = self(codec).goodbye_ || frame->hd.type == NGHTTP2_GOAWAY;
    return 0;
  }
  // A stream that was reset brought no whole answer.
  static int closed(nghttp2_session*, std::int32_t, std::uint32_t code, void* codec) {
    if (code != NGHTTP2_NO_ERROR) self(codec).answer_ = {};
    self(codec).over_ = true;
    return 0;
  }

  static std::string_view text(const std::uint8_t* bytes, std::size_t count) {
    return {reinterpret_cast<const char*>(bytes), count};
  }
  static nghttp2_nv pair(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view view) {  // the library copies both
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(view.data()));
    };
    return {
        .name = bytes(name), .value = bytes(value), .namelen = name.size(), .valuelen = value.size(), .flags = 0};
  }
  void flush(std::string& out) {
    const std::uint8_t* bytes = nullptr;
    for (auto count = nghttp2_session_mem_send(session_, &bytes); count > 0;
         count = nghttp2_session_mem_send(session_, &bytes)) {
      out += text(bytes, static_cast<std::size_t>(count));
    }
  }

  nghttp2_session* session_ = nullptr;
  Answer answer_;
  bool over_ = false;     // the answer, whole or not
  bool goodbye_ = false;  // no further request on this connection
};

}  // namespace

std::unique_ptr<Codec> make_http2_codec() {
  return std::make_unique<Http2Codec>();
}

}  // namespace drawbridge::registers
