#pragma once

#include <string>

namespace drawbridge::wire {

using namespace std::string_literals;  // rows with NUL bytes

// One row of a wire table: bytes as they come from the network, and what must become of them.
struct WireCase {
  std::string name;   // unique within its table
  std::string bytes;  // one message, or the part of one that is enough for the judgment
  std::string expected;
  std::string why;  // section of RFC 9112 unless another is named
};

inline std::string repeat(const std::string& text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// A whole GET with Host and these further field lines, each ended by CRLF.
inline std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& fields) {
  return "POST / HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n";
}
inline std::string get_1_0(const std::string& fields) {
  return "GET / HTTP/1.0\r\n" + fields + "\r\n";
}

// A whole request with this request line.
inline std::string line(const std::string& request_line) {
  return request_line + "\r\nHost: a.example\r\n\r\n";
}
inline std::string target(const std::string& text) {
  return line("GET " + text + " HTTP/1.1");
}

// A whole GET with this Host value.
inline std::string host(const std::string& value) {
  return "GET / HTTP/1.1\r\nHost: " + value + "\r\n\r\n";
}

// A whole response with this status line and these field lines.
inline std::string answer(const std::string& fields) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n";
}

}  // namespace drawbridge::wire
