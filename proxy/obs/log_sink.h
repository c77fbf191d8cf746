#pragma once

#include "proxy/base/failure.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace drawbridge::obs {

// Where the access log goes: a descriptor that is a file, or something that can make a writer wait (pipe,
// terminal).
class LogSink {
 public:
  // Opens for appending, mode 0640 if it is made. Half a line at the end of a file is what a process before left
  // behind when its disk was full: the first write ends that line before it begins its own.
  static base::Expected<LogSink> open(const std::string& path);
  static LogSink standard_output();
  ~LogSink();
  LogSink(LogSink&& other) noexcept;
  LogSink& operator=(LogSink&& other) noexcept;

  bool is_same_file(const LogSink& other) const;
  // Writes a part of `bytes`; 0 when the sink takes none for a tenth of a second.
  base::Result<std::size_t> write(std::string_view bytes);

 private:
  LogSink(int descriptor, bool owned);
  base::Result<std::size_t> write_some(std::string_view bytes);

  int descriptor_;
  bool owned_;
  bool regular_;
  bool behind_half_a_line_ = false;
};

}  // namespace drawbridge::obs
