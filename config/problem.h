#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace drawbridge::config {

// One thing that is wrong with a configuration file, and where.
struct Problem {
  std::string file;
  std::uint32_t line = 0;    // from 1; 0 = the file as a whole (unreadable, too large)
  std::uint32_t column = 0;  // from 1, in bytes; 0 with line 0
  std::uint32_t width = 1;   // bytes to underline, at least 1
  std::string key;           // full path such as "pool.blue.balnce"; empty for syntax errors
  std::string message;       // one sentence without a full stop; names the key as the file does
  std::string suggestion;    // what was probably meant (a key, a value); empty if nothing is near
  std::string source_line;   // the line as it stands in the file; control bytes removed
};

// For a terminal, ending in a line end:
//   shop.toml:12:3: error: unknown key 'balnce' in [pool.blue]; did you mean 'balance'?
//      12 |   balnce = "round_robin"
//         |   ^^^^^^
std::string format(const Problem& problem);

// All of them, and a last line that counts them: "shop.toml: 2 errors".
std::string format(std::span<const Problem> problems);

}  // namespace drawbridge::config
