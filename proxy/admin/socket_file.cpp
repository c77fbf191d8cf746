#include "proxy/admin/socket_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace drawbridge::admin {

namespace {

using base::Error;
using base::Expected;

constexpr int backlog = 64;

std::unexpected<Error> failed(const std::string& path, std::string_view what) {
  return std::unexpected(Error{fmt::format("admin socket {}: {}", path, what)});
}

std::unexpected<Error> failed_call(const std::string& path, std::string_view call) {
  return failed(path, fmt::format("{}: {}", call, std::strerror(errno)));
}

bool fill(sockaddr_un& address, const std::string& path) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() + 1 > sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

// The last folder of the path, if only that is missing: /run is empty after a boot.
void make_folder(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) ::mkdir(path.substr(0, slash).c_str(), 0755);
}

bool answers(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const int connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // EAGAIN: somebody listens whose queue is full. EACCES cannot be told from a live one, so it is one.
  const bool dead = connected != 0 && (errno == ECONNREFUSED || errno == ENOENT);
  ::close(probe);
  return !dead;
}

Expected<void> check_occupant(const std::string& path, const sockaddr_un& address) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return failed_call(path, "cannot look at it");
  }
  if (!S_ISSOCK(found.st_mode)) {
    return failed(path,
                  "something that is not a socket is there; it was left alone. Move it away, or set "
                  "server.admin_socket to another path");
  }
  if (answers(address)) {
    return failed(path, "another proxyd answers there. Stop it first, or set server.admin_socket to another path");
  }
  return {};
}

}  // namespace

Expected<std::unique_ptr<SocketFile>> SocketFile::claim(const std::string& path, std::optional<gid_t> group) {
  sockaddr_un address{}, fresh{};
  const std::string fresh_path = path + ".new";
  if (!fill(address, path) || !fill(fresh, fresh_path)) {
    return failed(path, fmt::format("the path is too long: at most {} bytes", sizeof address.sun_path - 5));
  }
  make_folder(path);
  std::unique_ptr<SocketFile> file(new SocketFile);
  file->lock_ = ::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file->lock_ < 0) return failed_call(path, "cannot make the lock file beside it");
  if (::flock(file->lock_, LOCK_EX | LOCK_NB) != 0) {
    return failed(path, "another proxyd has it. Stop it first, or set server.admin_socket to another path");
  }
  if (auto checked = check_occupant(path, address); !checked) return std::unexpected(checked.error());

  // Made under another name and renamed when all is set: nobody ever meets it with a wider mode.
  ::unlink(fresh_path.c_str());
  file->descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (file->descriptor_ < 0) return failed_call(path, "socket");
  if (::bind(file->descriptor_, reinterpret_cast<const sockaddr*>(&fresh), sizeof fresh) != 0) {
    return failed_call(path, "bind");
  }
  const auto give_up = [&](std::string_view call) {
    auto error = failed_call(path, call);
    ::unlink(fresh_path.c_str());
    return error;
  };
  if (group && ::chown(fresh_path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return give_up("cannot give it to server.admin_group");
  }
  if (::chmod(fresh_path.c_str(), group ? 0660 : 0600) != 0) return give_up("chmod");
  if (::listen(file->descriptor_, backlog) != 0) return give_up("listen");
  struct stat made{};
  if (::lstat(fresh_path.c_str(), &made) != 0) return give_up("stat");
  if (::rename(fresh_path.c_str(), path.c_str()) != 0) return give_up("cannot put it in its place");
  file->path_ = path;
  file->device_ = made.st_dev;
  file->inode_ = made.st_ino;
  return file;
}

SocketFile::~SocketFile() {
  struct stat found{};
  if (!path_.empty() && ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
  if (descriptor_ >= 0) ::close(descriptor_);
  if (lock_ >= 0)
    ::close(lock_);  // the lock ends here; its file stays, since removing one that others may have open is a race
}

int SocketFile::take_descriptor() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  return descriptor;
}

}  // namespace drawbridge::admin
