#pragma once

#include "proxy/control/file_system.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace drawbridge::tests {

// A disk in memory that fails the n-th operation, stops at it as a killed process would, or loses its power. Each
// call of FileSystem is several operations, as it is for the kernel.
class MemoryFileSystem final : public control::FileSystem {
 public:
  using Names = std::map<std::string, std::shared_ptr<struct MemoryFile>>;

  // Fails the operation after the next `n`; `for_ever`: and all that follow, as if the process had died there.
  void fail_after(int n, bool for_ever);
  void heal();
  // Whether a fault was hit since fail_after().
  bool failed() const { return failed_; }
  int operations() const { return operations_; }
  // How often somebody waited for the disk.
  int syncs() const { return syncs_; }

  // The disk after a power cut: what was synced is there, of the rest any part may be.
  void cut_power(std::mt19937& random);
  void overwrite(const std::string& path, const std::string& bytes);
  void remove(const std::string& path);
  bool exists(const std::string& path) const { return names_.contains(path); }
  std::string text(const std::string& path) const;

  base::Expected<void> make_folder(const std::string& path) override;
  base::Expected<std::optional<std::string>> read(const std::string& path, std::size_t bytes_max) override;
  base::Expected<void> write_durably(const std::string& path, std::string_view bytes) override;
  base::Expected<void> append_durably(const std::string& path, std::string_view bytes) override;
  base::Expected<void> append(const std::string& path, std::string_view bytes) override;
  base::Expected<void> rename(const std::string& from, const std::string& to) override;
  base::Expected<void> link(const std::string& from, const std::string& to) override;
  base::Expected<void> sync_folder(const std::string& folder) override;
  base::Expected<std::unique_ptr<Lock>> lock(const std::string& path) override;

 private:
  base::Expected<void> step(const char* doing);
  base::Expected<void> write_steps(const std::string& path, std::string_view bytes, bool sync = true);
  base::Expected<void> open_to_append(const std::string& path);
  void change_names(std::function<void(Names&)> change);

  Names names_;
  Names durable_names_;
  std::vector<std::function<void(Names&)>> unsynced_;
  std::set<std::string> locks_;
  int operations_ = 0;
  int syncs_ = 0;
  int fail_at_ = -1;
  bool for_ever_ = false;
  bool failed_ = false;
};

struct MemoryFile {
  std::string bytes;
  std::string durable;
};

}  // namespace drawbridge::tests
