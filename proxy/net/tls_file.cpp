#include "proxy/net/tls_file.h"

#include "proxy/net/unique_fd.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>

namespace drawbridge::net {
namespace {

std::string why(int error) {
  return std::system_category().message(error);
}

}  // namespace

std::expected<std::string, std::string> read_tls_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return std::unexpected("cannot be opened: " + why(errno));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::unexpected("is not a file");
  std::string text;
  std::array<char, 16 * 1024> chunk{};
  while (text.size() <= tls_file_bytes_max) {
    const auto got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected("cannot be read: " + why(errno));
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return std::unexpected("is larger than 1 MiB");
}

FileStamp stamp_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {.inode = status.st_ino,
          .device = status.st_dev,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

}  // namespace drawbridge::net
