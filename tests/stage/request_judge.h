#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::stage {

// One request as the product's judge of heads and chunks accepts it.
struct Judged {
  std::string line;  // "METHOD target", the target in origin form
  std::string body;
  std::string method;
  std::string host;
  std::size_t head_end = 0;  // in the client's bytes: one past its head
  bool upgrade = false;

  // What an upstream must see of it.
  friend bool operator==(const Judged& a, const Judged& b) { return a.line == b.line && a.body == b.body; }
};

// All that one client sent, judged by proxy/http alone, without sockets and tasks: which requests there are and
// where they end.
struct Judgement {
  std::vector<Judged> requests;    // whole ones, in order
  std::vector<Judged> unfinished;  // at most one: the head was accepted, its body is short or broken
  std::string sent;                // what goes on to an upstream for the whole ones
};

// Reads `bytes` in growing steps of `step` to the end, the first refusal or the first request that ends the
// connection. Ends the process if a head cannot be written.
Judgement judge_requests(std::string bytes, std::size_t step);

}  // namespace drawbridge::stage
