#pragma once

#include "proxy/base/failure.h"

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace drawbridge::admin {

// A listening unix socket at a path that is ours alone: a lock beside it (PATH.lock) keeps a second proxyd away,
// the leftovers of a dead one are replaced, anything that is no socket is left alone. Its mode is in force before
// anybody can connect. Removes the socket, if it is still this one, when destroyed.
class SocketFile {
 public:
  static base::Expected<std::unique_ptr<SocketFile>> claim(const std::string& path, std::optional<gid_t> group);
  ~SocketFile();
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  // The listening socket, non-blocking. Once; the caller closes it.
  int take_descriptor();

 private:
  SocketFile() = default;

  std::string path_;
  int lock_ = -1;
  int descriptor_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace drawbridge::admin
