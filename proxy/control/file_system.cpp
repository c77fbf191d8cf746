#include "proxy/control/file_system.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace drawbridge::control {
namespace {

using base::Error;
using base::Expected;

std::unexpected<Error> os_error(const char* doing, const std::string& path, int code = errno) {
  return std::unexpected(Error{fmt::format("cannot {} {}: {}", doing, path, std::system_category().message(code))});
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) {
    do {
      fd_ = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    } while (fd_ < 0 && errno == EINTR);
  }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  // False with errno: NFS and quotas report a failed write no earlier than here.
  bool close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_ = -1;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

class KernelLock final : public FileSystem::Lock {
 public:
  KernelLock(const std::string& path, int flags) : file_(path, flags) {}
  Descriptor& file() { return file_; }

 private:
  Descriptor file_;
};

std::string holder_of(int fd) {
  char text[32] = {};
  const auto n = ::pread(fd, text, sizeof text - 1, 0);
  std::string pid(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!pid.empty() && (pid.back() < '0' || pid.back() > '9')) pid.pop_back();
  return pid.empty() ? "another process" : "process " + pid;
}

class KernelFileSystem final : public FileSystem {
 public:
  Expected<void> make_folder(const std::string& path) override {
    std::error_code ec;
    if (std::filesystem::is_directory(path, ec)) return {};
    std::filesystem::create_directories(path, ec);
    if (ec) return os_error("create folder", path, ec.value());
    if (::chmod(path.c_str(), 0700) != 0) return os_error("restrict folder", path);
    return {};
  }

  Expected<std::optional<std::string>> read(const std::string& path, std::size_t bytes_max) override {
    const Descriptor file(path, O_RDONLY);
    if (!file.is_open() && errno == ENOENT) return std::nullopt;
    if (!file.is_open()) return os_error("open", path);
    std::string text;
    char buffer[16 * 1024];
    for (;;) {
      const auto n = ::read(file.fd(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error("read", path);
      if (n == 0) return text;
      text.append(buffer, static_cast<std::size_t>(n));
      if (text.size() > bytes_max) return os_error("read", path, EFBIG);
    }
  }

  Expected<void> write_durably(const std::string& path, std::string_view bytes) override {
    return write_with(path, bytes, O_WRONLY | O_CREAT | O_TRUNC);
  }

  Expected<void> append_durably(const std::string& path, std::string_view bytes) override {
    return write_with(path, bytes, O_WRONLY | O_CREAT | O_APPEND);
  }

  Expected<void> append(const std::string& path, std::string_view bytes) override {
    return write_with(path, bytes, O_WRONLY | O_CREAT | O_APPEND, false);
  }

  Expected<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_error("rename", from);
    return {};
  }

  Expected<void> link(const std::string& from, const std::string& to) override {
    if (::unlink(to.c_str()) != 0 && errno != ENOENT) return os_error("replace", to);
    if (::link(from.c_str(), to.c_str()) != 0) return os_error("link", to);
    return {};
  }

  Expected<void> sync_folder(const std::string& folder) override {
    const Descriptor file(folder, O_RDONLY | O_DIRECTORY);
    if (!file.is_open() || ::fsync(file.fd()) != 0) return os_error("sync folder", folder);
    return {};
  }

  Expected<std::unique_ptr<Lock>> lock(const std::string& path) override {
    auto held = std::make_unique<KernelLock>(path, O_RDWR | O_CREAT);
    // A folder that became read-only, or a full disk, must not keep us from starting with the state that is there.
    if (!held->file().is_open()) held = std::make_unique<KernelLock>(path, O_RDONLY);
    const int fd = held->file().fd();
    if (fd < 0) return os_error("open", path);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return os_error("lock", path);
      return std::unexpected(Error{fmt::format("{} is locked by {}", path, holder_of(fd))});
    }
    // Only for the message above, so it may fail.
    if (::ftruncate(fd, 0) == 0) write_all(fd, fmt::format("{}\n", ::getpid()));
    return held;
  }

 private:
  static Expected<void> write_with(const std::string& path, std::string_view bytes, int flags, bool sync = true) {
    Descriptor file(path, flags);
    if (!file.is_open()) return os_error("open", path);
    if (!write_all(file.fd(), bytes)) return os_error("write", path);
    if (sync && ::fsync(file.fd()) != 0) return os_error("sync", path);
    if (!file.close()) return os_error("close", path);
    return {};
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_file_system() {
  return std::make_unique<KernelFileSystem>();
}

}  // namespace drawbridge::control
