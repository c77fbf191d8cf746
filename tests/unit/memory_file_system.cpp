#include "tests/unit/memory_file_system.h"

#include <utility>

namespace drawbridge::tests {

using base::Error;
using base::Expected;

void MemoryFileSystem::fail_after(int n, bool for_ever) {
  fail_at_ = operations_ + n;
  for_ever_ = for_ever;
  failed_ = false;
}

void MemoryFileSystem::heal() {
  fail_at_ = -1;
}

Expected<void> MemoryFileSystem::step(const char* doing) {
  const int operation = operations_++;
  const bool fails = fail_at_ >= 0 && (operation == fail_at_ || (for_ever_ && operation > fail_at_));
  if (!fails) return {};
  failed_ = true;
  return std::unexpected(Error{std::string("cannot ") + doing + ": No space left on device"});
}

void MemoryFileSystem::change_names(std::function<void(Names&)> change) {
  change(names_);
  unsynced_.push_back(std::move(change));
}

void MemoryFileSystem::cut_power(std::mt19937& random) {
  names_ = durable_names_;
  const auto kept = std::uniform_int_distribution<std::size_t>(0, unsynced_.size())(random);
  for (std::size_t i = 0; i < kept; ++i) unsynced_[i](names_);
  unsynced_.clear();
  for (auto& [name, file] : names_) {
    if (file->bytes == file->durable) continue;
    const auto bytes = std::uniform_int_distribution<std::size_t>(0, file->bytes.size())(random);
    file->bytes = random() % 2 == 0 ? file->durable : file->bytes.substr(0, bytes);
    file->durable = file->bytes;
  }
  durable_names_ = names_;
  locks_.clear();
}

void MemoryFileSystem::overwrite(const std::string& path, const std::string& bytes) {
  names_[path] = durable_names_[path] = std::make_shared<MemoryFile>(MemoryFile{bytes, bytes});
}

void MemoryFileSystem::remove(const std::string& path) {
  names_.erase(path);
  durable_names_.erase(path);
}

std::string MemoryFileSystem::text(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? std::string() : found->second->bytes;
}

Expected<void> MemoryFileSystem::make_folder(const std::string&) {
  return {};
}

Expected<std::optional<std::string>> MemoryFileSystem::read(const std::string& path, std::size_t bytes_max) {
  if (!names_.contains(path)) return std::nullopt;
  auto bytes = text(path);
  if (bytes.size() > bytes_max) return std::unexpected(Error{path + " is too large"});
  return bytes;
}

// Half, the rest, the sync: a fault may hit between any two.
Expected<void> MemoryFileSystem::write_steps(const std::string& path, std::string_view bytes, bool sync) {
  auto& file = *names_.at(path);
  if (auto done = step("write"); !done) return done;
  file.bytes += bytes.substr(0, bytes.size() / 2);
  if (auto done = step("write"); !done) return done;
  file.bytes += bytes.substr(bytes.size() / 2);
  if (!sync) return {};
  ++syncs_;
  if (auto done = step("sync"); !done) return done;
  file.durable = file.bytes;
  return {};
}

Expected<void> MemoryFileSystem::write_durably(const std::string& path, std::string_view bytes) {
  if (auto done = step("open"); !done) return done;
  if (names_.contains(path)) {
    names_.at(path)->bytes.clear();
  } else {
    change_names([path, file = std::make_shared<MemoryFile>()](Names& names) { names[path] = file; });
  }
  return write_steps(path, bytes);
}

Expected<void> MemoryFileSystem::append_durably(const std::string& path, std::string_view bytes) {
  if (auto done = open_to_append(path); !done) return done;
  return write_steps(path, bytes);
}

Expected<void> MemoryFileSystem::append(const std::string& path, std::string_view bytes) {
  if (auto done = open_to_append(path); !done) return done;
  return write_steps(path, bytes, false);
}

Expected<void> MemoryFileSystem::open_to_append(const std::string& path) {
  if (auto done = step("open"); !done) return done;
  if (!names_.contains(path)) {
    change_names([path, file = std::make_shared<MemoryFile>()](Names& names) { names[path] = file; });
  }
  return {};
}

Expected<void> MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  if (auto done = step("rename"); !done) return done;
  if (!names_.contains(from)) return std::unexpected(Error{"cannot rename " + from + ": no such file"});
  change_names([from, to](Names& names) {
    const auto found = names.find(from);
    if (found == names.end()) return;
    names[to] = found->second;
    names.erase(from);
  });
  return {};
}

Expected<void> MemoryFileSystem::link(const std::string& from, const std::string& to) {
  if (auto done = step("unlink"); !done) return done;
  change_names([to](Names& names) { names.erase(to); });
  if (auto done = step("link"); !done) return done;
  if (!names_.contains(from)) return std::unexpected(Error{"cannot link " + from + ": no such file"});
  change_names([from, to](Names& names) {
    const auto found = names.find(from);
    if (found != names.end()) names[to] = found->second;
  });
  return {};
}

Expected<void> MemoryFileSystem::sync_folder(const std::string&) {
  ++syncs_;
  if (auto done = step("sync folder"); !done) return done;
  durable_names_ = names_;
  unsynced_.clear();
  return {};
}

namespace {

class MemoryLock final : public control::FileSystem::Lock {
 public:
  MemoryLock(std::set<std::string>& locks, std::string path) : locks_(locks), path_(std::move(path)) {}
  ~MemoryLock() override { locks_.erase(path_); }
  MemoryLock(const MemoryLock&) = delete;
  MemoryLock& operator=(const MemoryLock&) = delete;

 private:
  std::set<std::string>& locks_;
  std::string path_;
};

}  // namespace

Expected<std::unique_ptr<control::FileSystem::Lock>> MemoryFileSystem::lock(const std::string& path) {
  if (!locks_.insert(path).second) return std::unexpected(Error{path + " is locked by process 1"});
  return std::make_unique<MemoryLock>(locks_, path);
}

}  // namespace drawbridge::tests
