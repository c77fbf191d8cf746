#include "tests/stage/request_judge.h"

#include "proxy/base/check.h"
#include "proxy/http/chunked.h"
#include "proxy/http/forward.h"
#include "proxy/http/reader.h"

#include <algorithm>
#include <array>
#include <span>

namespace drawbridge::stage {

using namespace http;

namespace {

class Judge {
 public:
  Judge(std::string bytes, std::size_t step) : bytes_(std::move(bytes)), step_(step) {}

  // A request cut short is not counted and its bytes are not compared: its upstream connection is closed with it.
  Judgement run() {
    while (open_ && read_head()) {
      if (!read_body()) {
        judgement_.unfinished.push_back(request_);
        break;
      }
      judgement_.requests.push_back(request_);
      judgement_.sent += pending_;
      open_ = head_.keep_alive;
    }
    return std::move(judgement_);
  }

 private:
  bool read_head() {
    HeadScanner scanner(HeadScanner::Side::request, HeadLimits{});
    for (std::size_t length = 0;; length = std::min(length + step_, bytes_.size() - at_)) {
      const auto buffer = std::string_view(bytes_).substr(at_, length);
      const auto scan = scanner.scan(buffer);
      if (scan.state == HeadScanner::State::refused) return false;
      if (scan.state == HeadScanner::State::complete) {
        at_ += scan.end;
        return !parse_request(buffer.substr(scan.begin, scan.end - scan.begin), HeadLimits{}, head_) &&
               write_head();
      }
      if (length == bytes_.size() - at_) return false;
    }
  }

  bool write_head() {
    static std::array<char, 64 * 1024> buffer;
    HeadWriter writer(buffer);
    write_upstream_request(writer, head_, {.client_address = "192.0.2.1"});
    DRAWBRIDGE_CHECK(!writer.overflow());
    pending_ = writer.view();
    request_ = {.line = std::string(head_.method_text) + " " + std::string(head_.path),
                .body = {},
                .method = std::string(head_.method_text),
                .host = std::string(head_.host),
                .head_end = at_,
                .upgrade = !head_.upgrade.empty()};
    if (head_.has_query) request_.line += "?" + std::string(head_.query);
    return true;
  }

  bool read_body() {
    if (head_.body.kind == Body::Kind::chunked) return read_chunks();
    request_.body = bytes_.substr(
        at_, static_cast<std::size_t>(std::min<std::uint64_t>(head_.body.bytes, bytes_.size() - at_)));
    at_ += request_.body.size();
    pending_ += request_.body;
    return request_.body.size() == head_.body.bytes;
  }

  bool read_chunks() {
    ChunkDecoder decoder;
    while (at_ < bytes_.size()) {
      const auto result = decoder.step(std::span(bytes_).subspan(at_, std::min(step_, bytes_.size() - at_)));
      at_ += result.consumed;
      if (result.state == ChunkDecoder::State::error) return false;
      if (result.state == ChunkDecoder::State::data) {
        const std::string_view data(result.data.data(), result.data.size());
        pending_.append(ChunkHead(data.size()).view()).append(data).append(chunk_end);
        request_.body += data;
      }
      if (result.state != ChunkDecoder::State::done) continue;
      pending_.append(last_chunk).append(decoder.trailers()).append("\r\n");
      return true;
    }
    return false;
  }

  std::string bytes_;
  std::size_t step_;
  std::size_t at_ = 0;
  bool open_ = true;
  RequestHead head_;
  Judged request_;
  std::string pending_;
  Judgement judgement_;
};

}  // namespace

Judgement judge_requests(std::string bytes, std::size_t step) {
  return Judge(std::move(bytes), std::max<std::size_t>(step, 1)).run();
}

}  // namespace drawbridge::stage
