#pragma once

#include "proxy/base/failure.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::control {

// The few operations that state and history need of a disk: one small interface, so that a test can fail each of
// them and cut the power between any two. All block; control thread only. Errors name the path and the reason.
class FileSystem {
 public:
  // Held until it is destroyed.
  class Lock {
   public:
    virtual ~Lock() = default;
  };

  virtual ~FileSystem() = default;
  // The folder and what is missing above it, mode 0700.
  virtual base::Expected<void> make_folder(const std::string& path) = 0;
  // nullopt: there is no such file. At most `bytes_max`; a longer file is an error.
  virtual base::Expected<std::optional<std::string>> read(const std::string& path, std::size_t bytes_max) = 0;
  // Creates or empties the file (mode 0600), writes all of it and syncs it. Its name is durable after sync_folder.
  virtual base::Expected<void> write_durably(const std::string& path, std::string_view bytes) = 0;
  // Creates the file if needed, writes at its end and syncs its data.
  virtual base::Expected<void> append_durably(const std::string& path, std::string_view bytes) = 0;
  // The same without the sync: kept if the process dies, and by the next append_durably() to the file.
  virtual base::Expected<void> append(const std::string& path, std::string_view bytes) = 0;
  // Replaces `to`.
  virtual base::Expected<void> rename(const std::string& from, const std::string& to) = 0;
  // Makes `to` a second name of the file `from`, replacing what `to` was.
  virtual base::Expected<void> link(const std::string& from, const std::string& to) = 0;
  // Renames and links in `folder` so far survive a power cut.
  virtual base::Expected<void> sync_folder(const std::string& folder) = 0;
  // Exclusive among processes; fails at once if another holds it, naming its pid where known.
  virtual base::Expected<std::unique_ptr<Lock>> lock(const std::string& path) = 0;
};

// The file system of the kernel.
std::unique_ptr<FileSystem> make_file_system();

}  // namespace drawbridge::control
