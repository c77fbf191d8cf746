#pragma once

#include "proxy/base/failure.h"
#include "proxy/control/file_system.h"
#include "proxy/control/history_entry.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::control {

// One line of history.jsonl with its line end, and back. Lines are JSON objects whose keys are the names that
// docs/ADMIN.md gives them.
std::string format_history(const HistoryEntry& entry);
base::Expected<HistoryEntry> parse_history(std::string_view line);

// The audit: history.jsonl in the state folder, only ever appended to, and the last
// limits::history_entries_max entries in memory. A full file becomes history.jsonl.1, replacing the one before.
// A disk that takes no history does not stop a change: who changed what last is in the state file as well, and an
// operator at night needs the switch more than the log. The entries wait here, bounded, and are written when the
// disk takes them again; until then problem() says so.
class History {
 public:
  static constexpr std::size_t file_bytes_max = 8 * 1024 * 1024;

  // Reads what is there. Lines that do not read (torn by a power cut) are passed over and counted.
  History(FileSystem& files, const std::string& folder);

  // `later`: while requests wait for the control thread. The entry survives the end of the process, but not a power
  // cut before the next one that is synced.
  enum class Sync : std::uint8_t { now, later };
  void append(HistoryEntry entry, Sync sync = Sync::now);

  // Newest first, of one site if `site` is not empty, at most `count_max`.
  std::vector<HistoryEntry> list(std::string_view site, std::size_t count_max) const;

  // Why the last entries are not on the disk; empty if they are.
  const std::string& problem() const { return problem_; }
  std::size_t unreadable_lines() const { return unreadable_lines_; }

 private:
  void read(const std::string& path);
  base::Expected<void> write_pending(Sync sync);
  base::Expected<void> rotate();

  FileSystem& files_;
  std::string folder_;
  std::string path_;
  std::deque<HistoryEntry> entries_;  // oldest first
  std::string pending_;               // lines not yet on the disk
  std::size_t file_bytes_ = 0;
  std::size_t file_lines_ = 0;
  bool torn_ = false;  // the file does not end with a line end
  std::size_t unreadable_lines_ = 0;
  std::string problem_;
};

}  // namespace drawbridge::control
