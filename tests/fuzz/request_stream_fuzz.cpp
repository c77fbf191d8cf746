// Everything a client may send on one connection, in any cuts: what goes to the upstream, read by a server as
// simple as can be, is the same requests with the same bodies, not one more. No request is smuggled.
#include "proxy/base/ascii.h"
#include "proxy/http/chunked.h"
#include "proxy/http/forward.h"
#include "proxy/http/reader.h"
#include "tests/fuzz/fuzz_check.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

struct Message {
  std::string line;  // "METHOD target"
  std::string body;

  friend bool operator==(const Message&, const Message&) = default;
};

// The proxy's half: requests as the judge accepts them, and the bytes that are sent on for them.
class Proxy {
 public:
  explicit Proxy(std::string bytes) : bytes_(std::move(bytes)) {}

  std::vector<Message> messages;
  std::string sent;

  // Reads the connection to its end or its first refusal. A request cut short is not counted and its bytes are not
  // compared: its upstream connection is closed with it.
  void run(std::size_t step) {
    while (open_ && read_head(step) && read_body(step)) {
      messages.push_back(message_);
      sent += pending_;
      open_ = head_.keep_alive;
    }
  }

 private:
  bool read_head(std::size_t step) {
    HeadScanner scanner(HeadScanner::Side::request, HeadLimits{});
    for (std::size_t length = 0;; length = std::min(length + step, bytes_.size() - at_)) {
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
    FUZZ_CHECK(!writer.overflow());
    pending_ = writer.view();
    message_ = {.line = std::string(head_.method_text) + " " + std::string(head_.path), .body = {}};
    if (head_.has_query) message_.line += "?" + std::string(head_.query);
    return true;
  }

  bool read_body(std::size_t step) {
    if (head_.body.kind == Body::Kind::chunked) return read_chunks(step);
    if (head_.body.bytes > bytes_.size() - at_) return false;
    message_.body = bytes_.substr(at_, static_cast<std::size_t>(head_.body.bytes));
    at_ += message_.body.size();
    pending_ += message_.body;
    return true;
  }

  bool read_chunks(std::size_t step) {
    ChunkDecoder decoder;
    while (at_ < bytes_.size()) {
      const auto result = decoder.step(std::span(bytes_).subspan(at_, std::min(step, bytes_.size() - at_)));
      at_ += result.consumed;
      if (result.state == ChunkDecoder::State::error) return false;
      if (result.state == ChunkDecoder::State::data) {
        const std::string_view data(result.data.data(), result.data.size());
        pending_.append(ChunkHead(data.size()).view()).append(data).append(chunk_end);
        message_.body += data;
      }
      if (result.state != ChunkDecoder::State::done) continue;
      pending_.append(last_chunk).append(decoder.trailers()).append("\r\n");
      return true;
    }
    return false;
  }

  std::string bytes_;
  std::size_t at_ = 0;
  bool open_ = true;
  RequestHead head_;
  Message message_;
  std::string pending_;
};

// The upstream's half, of another making: splits at line feeds, believes what it is told.
class Server {
 public:
  explicit Server(std::string_view bytes) : rest_(bytes) {}

  std::vector<Message> read_all() {
    std::vector<Message> messages;
    while (!rest_.empty()) messages.push_back(read_one());
    return messages;
  }

 private:
  std::string line() {
    const auto end = rest_.find('\n');
    FUZZ_CHECK(end != std::string_view::npos && end > 0 && rest_[end - 1] == '\r');
    std::string text(rest_.substr(0, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::string take(std::size_t n) {
    FUZZ_CHECK(n <= rest_.size());
    std::string text(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return text;
  }

  Message read_one() {
    Message message;
    const auto first = line();
    message.line = first.substr(0, first.rfind(' '));
    std::size_t length = 0;
    bool chunked = false;
    for (auto field = line(); !field.empty(); field = line()) {
      auto name = field.substr(0, field.find(':'));
      for (auto& c : name) c = c == '_' ? '-' : base::to_lower(c);
      if (name == "content-length") length = std::strtoull(field.c_str() + name.size() + 1, nullptr, 0);
      if (name == "transfer-encoding") chunked = true;
    }
    FUZZ_CHECK(!chunked || length == 0);
    message.body = take(length);
    if (!chunked) return message;
    while (const auto size = std::strtoull(line().c_str(), nullptr, 16)) {
      message.body += take(size);
      FUZZ_CHECK(line().empty());
    }
    while (!line().empty()) continue;
    return message;
  }

  std::string_view rest_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::take_apart(data, size);
  Proxy whole(input.bytes);
  whole.run(std::max<std::size_t>(input.bytes.size(), 1));
  Proxy cut(input.bytes);
  cut.run(input.step);
  FUZZ_CHECK(whole.messages == cut.messages);
  FUZZ_CHECK(Server(whole.sent).read_all() == whole.messages);
  FUZZ_CHECK(Server(cut.sent).read_all() == cut.messages);
  return 0;
}
