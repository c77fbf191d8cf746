#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace drawbridge::net {

inline constexpr std::size_t tls_file_bytes_max = 1024 * 1024;

// The whole of a certificate, key or staple file; never waits (a FIFO is refused). The error follows the file's
// name: "cannot be read: Permission denied".
std::expected<std::string, std::string> read_tls_file(const std::string& path);

// Tells whether the file at a path was replaced or written since. All zero if there is none.
struct FileStamp {
  std::uint64_t inode = 0, device = 0, size = 0;
  std::int64_t modified_ns = 0;

  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& path);

}  // namespace drawbridge::net
