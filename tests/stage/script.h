#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::stage {

// One run: what a client sends, what the servers answer, in which pieces, and what an operator does meanwhile. The
// text form, made for fuzzing, is
//
//   options CLIENT [0xFF options ANSWER]…
//
// with one byte of options each ('@' is: all at once, nothing special). In a text 0xFE is a pause until nothing
// else moves and 0xFC stands for 10,000 times 'x'.
struct Script {
  static constexpr char pause = '\xFE';
  static constexpr char filler = '\xFC';
  static constexpr char separator = '\xFF';
  static constexpr std::size_t whole = static_cast<std::size_t>(-1);

  enum class Ending : std::uint8_t { half_close, silence, close_when_quiet, close_at_once };
  enum class Order : std::uint8_t { none, readonly, maintenance, shutdown };  // given when all is quiet first

  struct Answer {
    enum class When : std::uint8_t { request_read, head_read, connected, never };
    enum class Then : std::uint8_t { keep, close, half_close };

    std::string text;
    When when = When::request_read;
    std::size_t piece_bytes = whole;
    Then then = Then::keep;
  };

  std::string client;
  std::size_t piece_bytes = whole;   // of the client
  std::size_t io_bytes_max = whole;  // of the worker's reads and writes
  Ending ending = Ending::half_close;
  Order order = Order::none;
  std::vector<Answer> answers;  // to requests in the order they arrive; then short complete ones
};

// Any bytes are a script.
Script parse_script(std::string_view bytes);

}  // namespace drawbridge::stage
