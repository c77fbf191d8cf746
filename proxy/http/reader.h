#pragma once

#include "proxy/http/head.h"
#include "proxy/http/rules.h"

#include <cstddef>
#include <optional>
#include <string_view>

namespace drawbridge::http {

// Finds the end of a head in a buffer that grows. Refuses as soon as no continuation can be accepted: a bare LF or
// CR, a control byte, too long, a complete request line that is none. O(n) in total even if fed one byte at a time.
//
//   HeadScanner scanner(HeadScanner::Side::request, limits);
//   switch (const auto scan = scanner.scan(buffer); scan.state) …
class HeadScanner {
 public:
  enum class Side : std::uint8_t { request, response };
  enum class State : std::uint8_t { need_more, complete, refused };

  struct Scan {
    State state = State::need_more;
    std::size_t begin = 0;  // complete: where the head begins (2 after one tolerated empty line, else 0)
    std::size_t end = 0;    // complete: one past its last byte; the body begins here
    Refusal refusal = {};   // refused only
  };

  HeadScanner(Side side, const HeadLimits& limits) : limits_(limits), side_(side) {}

  // `bytes` is the whole buffer so far; what was in it at the last call must still be there, unchanged (it may have
  // moved to another address). After `complete` or `refused` call reset() before the next head.
  Scan scan(std::string_view bytes);

  void reset();

  // True once a byte other than the tolerated empty line was seen: an idle connection has become a request.
  bool started() const { return started_; }

 private:
  void pass_empty_line(std::string_view bytes);
  Scan wait(std::string_view bytes, std::size_t position);
  std::optional<Rule> too_long(std::size_t bytes) const;

  HeadLimits limits_;
  Side side_;
  bool started_ = false;
  bool first_line_judged_ = false;
  std::size_t begin_ = 0;           // first byte of the head
  std::size_t line_begin_ = 0;      // first byte of the line not yet ended
  std::size_t position_ = 0;        // everything before is known to hold no control byte but the line ends seen
  std::size_t first_line_end_ = 0;  // 0 until seen
};

// What the upstream was asked: a response cannot be judged without it.
struct Asked {
  Method method = Method::get;
  std::string_view upgrade = {};  // the protocol we asked it to switch to; empty: a 101 is malformed
};

// Takes a head that is there as a whole, at the very beginning of `bytes`, in one pass: where it ends, and the body
// begins. 0 if there is anything else to say of it: then `out` is unspecified, and HeadScanner and parse_… say it.
// What is taken is what these two accept, with the same result.
std::size_t take_request(std::string_view bytes, const HeadLimits& limits, RequestHead& out);
std::size_t take_response(std::string_view bytes, const Asked& asked, const HeadLimits& limits, ResponseHead& out);

// Judges one complete head, from its first byte to the empty line included. On success `out` is wholly overwritten
// and points into `bytes`; on refusal its content is unspecified, but method, method_text, target and minor_version
// are what could be read (for the log). No allocation. parse_request needs no scanner before it to be safe.
std::optional<Refusal> parse_request(std::string_view bytes, const HeadLimits& limits, RequestHead& out);
std::optional<Refusal> parse_response(std::string_view bytes, const Asked& asked, const HeadLimits& limits,
                                      ResponseHead& out);

}  // namespace drawbridge::http
