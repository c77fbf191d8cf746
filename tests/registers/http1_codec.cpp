#include "tests/registers/codec.h"
#include "tests/registers/sockets.h"

#include <charconv>

namespace drawbridge::registers {
namespace {

class Http1Codec final : public Codec {
 public:
  void open(std::string&) override {}

  void ask(std::string_view method, std::string_view path, std::string& out) override {
    out += method;
    out += ' ';
    out += path;
    out += " HTTP/1.1\r\nHost: registers.example\r\n";
    out += method == "POST" ? "Content-Length: 0\r\n\r\n" : "\r\n";
  }

  std::optional<Answer> take(std::string& in, std::string&) override {
    const auto message = first_message(in);
    if (!message) return std::nullopt;
    Answer answer{.status = 0, .body = std::string(message->body), .closes = false};
    const auto status = message->line.substr(message->line.find(' ') + 1);
    std::from_chars(status.data(), status.data() + status.size(), answer.status);
    answer.closes = field(message->head, "connection") == "close";
    in.erase(0, message->size);
    return answer;
  }
};

}  // namespace

std::unique_ptr<Codec> make_http1_codec() {
  return std::make_unique<Http1Codec>();
}

}  // namespace drawbridge::registers
