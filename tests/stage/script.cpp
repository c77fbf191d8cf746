#include "tests/stage/script.h"

#include <algorithm>
#include <array>
#include <utility>

namespace drawbridge::stage {
namespace {

constexpr unsigned plain = '@';
constexpr std::size_t filler_bytes = 10'000;
constexpr std::size_t fillers_max = 16;
constexpr std::size_t answers_max = 32;
constexpr std::size_t long_bytes =
    8 * 1024;  // longer texts are not taken apart byte by byte: it would take seconds
constexpr std::size_t long_piece_bytes = 61;
constexpr std::array<std::size_t, 4> piece_sizes{Script::whole, 1, 7, long_piece_bytes};
constexpr std::array<std::size_t, 4> io_sizes{Script::whole, 1, 3, 17};

// Options are read from the lowest bits up.
class Options {
 public:
  explicit Options(std::string_view text) : bits_(text.empty() ? 0 : static_cast<unsigned char>(text[0]) ^ plain) {}

  unsigned next() { return std::exchange(bits_, bits_ >> 2) & 3U; }
  template <class E>
  E next_of(unsigned count) {
    return static_cast<E>(next() % count);
  }

 private:
  unsigned bits_;
};

std::string expand(std::string_view text) {
  std::string out;
  std::size_t fillers = 0;
  for (const char c : text) {
    if (c != Script::filler) {
      out += c;
    } else if (++fillers <= fillers_max) {
      out.append(filler_bytes, 'x');
    }
  }
  return out;
}

Script::Answer parse_answer(std::string_view part) {
  using Answer = Script::Answer;
  Options options(part);
  Answer answer{.text = expand(part.substr(std::min<std::size_t>(part.size(), 1)))};
  answer.when = options.next_of<Answer::When>(4);
  answer.piece_bytes = piece_sizes[options.next()];
  answer.then = options.next_of<Answer::Then>(3);
  if (answer.when == Answer::When::never) answer.text.clear();
  return answer;
}

void spare_time(Script& script) {
  std::size_t bytes = script.client.size();
  for (const auto& answer : script.answers) bytes += answer.text.size();
  if (bytes <= long_bytes) return;
  script.io_bytes_max = std::max(script.io_bytes_max, 16 * long_piece_bytes);
  script.piece_bytes = std::max(script.piece_bytes, 16 * long_piece_bytes);
  for (auto& answer : script.answers) answer.piece_bytes = std::max(answer.piece_bytes, 16 * long_piece_bytes);
}

}  // namespace

Script parse_script(std::string_view bytes) {
  std::vector<std::string_view> parts;
  while (parts.size() <= answers_max) {
    const auto end = bytes.find(Script::separator);
    parts.push_back(bytes.substr(0, end));
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
  }
  Options options(parts[0]);
  Script script{.client = expand(parts[0].substr(std::min<std::size_t>(parts[0].size(), 1)))};
  script.io_bytes_max = io_sizes[options.next()];
  script.piece_bytes = piece_sizes[options.next()];
  script.ending = options.next_of<Script::Ending>(4);
  script.order = options.next_of<Script::Order>(4);
  for (std::size_t i = 1; i < parts.size(); ++i) script.answers.push_back(parse_answer(parts[i]));
  spare_time(script);
  return script;
}

}  // namespace drawbridge::stage
