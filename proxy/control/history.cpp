#include "proxy/control/history.h"

#include "proxy/base/limits.h"

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

using base::limits::history_entries_max;

// What waits for the disk; beyond it, what has waited so far stays only in memory.
constexpr std::size_t pending_bytes_max = 1024 * 1024;

bool concerns(const HistoryEntry& entry, std::string_view site) {
  return site.empty() || std::ranges::any_of(entry.sites, [&](const auto& one) { return one.name == site; });
}

}  // namespace

History::History(FileSystem& files, const std::string& folder)
    : files_(files), folder_(folder), path_(folder + "/history.jsonl") {
  read(path_ + ".1");
  file_bytes_ = file_lines_ = 0;
  torn_ = false;
  read(path_);
}

void History::read(const std::string& path) {
  const auto text = files_.read(path, 2 * file_bytes_max);
  if (!text) problem_ = text.error().message;
  if (!text || !*text) return;
  std::string_view rest = **text;
  file_bytes_ = rest.size();
  torn_ = !rest.empty() && rest.back() != '\n';
  std::string_view before;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++file_lines_;
    // A write that failed half way is repeated as a whole, behind a line end of its own.
    if (line.empty() || line == before) continue;
    before = line;
    auto entry = parse_history(line);
    if (!entry) {
      ++unreadable_lines_;
      continue;
    }
    entries_.push_back(std::move(*entry));
    if (entries_.size() > history_entries_max) entries_.pop_front();
  }
}

void History::append(HistoryEntry entry, Sync sync) {
  const auto line = format_history(entry);
  entries_.push_back(std::move(entry));
  if (entries_.size() > history_entries_max) entries_.pop_front();
  if (pending_.size() + line.size() > pending_bytes_max) pending_.clear();
  pending_ += line;
  const auto written = write_pending(sync);
  problem_ = written ? std::string() : written.error().message;
}

base::Expected<void> History::write_pending(Sync sync) {
  const bool is_full = file_bytes_ + pending_.size() > file_bytes_max || file_lines_ >= history_entries_max;
  if (is_full && file_lines_ > 0) {
    if (const auto rotated = rotate(); !rotated) return rotated;
  }
  // A line that a power cut tore must not swallow the next one.
  const auto bytes = torn_ ? "\n" + pending_ : pending_;
  const bool is_new = file_bytes_ == 0;
  torn_ = true;  // until we know better: a failed write may have left half a line
  const auto written =
      sync == Sync::now || is_new ? files_.append_durably(path_, bytes) : files_.append(path_, bytes);
  if (!written) return written;
  torn_ = false;
  file_bytes_ += bytes.size();
  file_lines_ += static_cast<std::size_t>(std::ranges::count(pending_, '\n'));
  pending_.clear();
  return is_new ? files_.sync_folder(folder_) : base::Expected<void>();
}

base::Expected<void> History::rotate() {
  if (const auto renamed = files_.rename(path_, path_ + ".1"); !renamed) return renamed;
  file_bytes_ = file_lines_ = 0;
  torn_ = false;
  return {};
}

std::vector<HistoryEntry> History::list(std::string_view site, std::size_t count_max) const {
  std::vector<HistoryEntry> listed;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && listed.size() < count_max; ++entry) {
    if (concerns(*entry, site)) listed.push_back(*entry);
  }
  return listed;
}

}  // namespace drawbridge::control
