#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace drawbridge::bench {

// What the load generator is asked to do; main.cpp documents the words of the command line.
struct Options {
  std::uint16_t port = 0;
  std::size_t connections = 64;
  double seconds = 1;
  double rate = 0;  // requests a second, due at even times; 0: each connection asks as soon as it was answered
  double warm_seconds = 0;  // before them: requests that are answered and whose times are not counted
  bool close = false;
  bool tls = false;
  bool idle = false;  // one request a connection, then wait for the end of standard input
  std::string method = "GET";
  std::string path = "/";
  std::string accept = "*/*";
  std::size_t body_bytes = 0;
  std::vector<std::string> hosts;  // asked in turn
  int status = 200;
  int other_status = 0;                // also right; its size is not looked at
  std::uint64_t answer_bytes_min = 0;  // of the body
  std::uint64_t answer_bytes_max = 0;
};

// Ends the process with a message if the command line is wrong.
Options read_options(int argc, char** argv);

}  // namespace drawbridge::bench
