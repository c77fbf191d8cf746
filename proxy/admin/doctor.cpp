#include "proxy/admin/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

namespace drawbridge::admin {

namespace {

constexpr std::uint64_t free_descriptors_low = 8;
constexpr std::uint64_t free_bytes_low = 100ULL << 20;
constexpr std::uint64_t free_bytes_none = 1ULL << 20;  // a state file of thousands of sites, twice
constexpr base::Millis drift_noticed{2'000};

std::string mebibytes(std::uint64_t bytes) {
  return bytes >= (10ULL << 30) ? fmt::format("{} GiB", bytes >> 30) : fmt::format("{} MiB", bytes >> 20);
}

int write_probe(const std::string& folder) {
  const std::string path = folder + "/.doctor";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return errno;
  constexpr char bytes[] = "may be removed\n";
  int failed = 0;
  if (::write(file, bytes, sizeof bytes - 1) < 0 || ::fsync(file) != 0) failed = errno;
  ::close(file);
  ::unlink(path.c_str());
  return failed;
}

}  // namespace

std::string_view name(Health health) {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::warn:
      return "warn";
    case Health::fail:
      return "fail";
  }
  return "unknown";
}

std::string client_warning(const ClientFacts& facts) {
  if (facts.open >= facts.open_max) {
    return fmt::format("all {} client connections are taken: new clients wait, or are turned away ({} so far)",
                       facts.open_max, facts.turned_away);
  }
  if (!facts.turned_away_lately) return "";
  return fmt::format("clients were turned away in the last minute: all {} connections were taken ({} so far)",
                     facts.open_max, facts.turned_away);
}

Check check_clients(const ClientFacts& facts) {
  const auto warning = client_warning(facts);
  if (warning.empty()) {
    return {"clients", Health::ok, fmt::format("{} connected, {} may", facts.open, facts.open_max), ""};
  }
  const bool carried = facts.open_max >= facts.configured_max;
  return {"clients", Health::warn, warning,
          carried ? "raise limits.connections, or see why connections stay so long"
                  : "it is the descriptors that carry no more: see above"};
}

std::string access_log_warning(const obs::LogFacts& facts) {
  if (facts.write_errno != 0) {
    return fmt::format("the access log {} cannot be written since {}: {} (lines lost since proxyd started: {})",
                       facts.file, base::format_time(facts.failing_since), std::strerror(facts.write_errno),
                       facts.lost_lines);
  }
  if (!facts.lost_lately) return "";
  return fmt::format("lines of the access log {} were lost in the last minute (since proxyd started: {})",
                     facts.file, facts.lost_lines);
}

Check check_access_log(const obs::LogFacts& facts) {
  if (facts.file.empty()) return {"access_log", Health::ok, "off", ""};
  const auto warning = access_log_warning(facts);
  if (warning.empty()) return {"access_log", Health::ok, fmt::format("{} can be written", facts.file), ""};
  if (facts.write_errno == 0) {
    return {"access_log", Health::warn, warning, "its disk, or who reads it, is too slow or was full"};
  }
  return {"access_log", Health::fail, warning,
          "make room on its disk: lines wait in memory, and are lost when that is full"};
}

Check check_descriptors(const DescriptorFacts& facts, const ClientFacts& clients) {
  const std::string found =
      fmt::format("{} open of {}; enough for {} clients", facts.open, facts.limit, clients.open_max);
  const std::string advice =
      fmt::format("raise the limit to {} (LimitNOFILE= of the service, or ulimit -Hn), or lower limits.connections",
                  clients.wanted_descriptors);
  if (facts.open + free_descriptors_low >= facts.limit) return {"descriptors", Health::fail, found, advice};
  if (clients.open_max >= clients.configured_max) return {"descriptors", Health::ok, found, ""};
  return {"descriptors", Health::warn,
          fmt::format("{}, not for limits.connections = {}", found, clients.configured_max), advice};
}

std::uint64_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

DescriptorFacts measure_descriptors() {
  DescriptorFacts facts{.limit = descriptor_limit()};
  if (DIR* folder = ::opendir("/proc/self/fd")) {
    while (::readdir(folder) != nullptr) ++facts.open;
    ::closedir(folder);
    facts.open -= std::min<std::uint64_t>(facts.open, 3);  // ".", ".." and the folder itself
  } else {
    facts.open = facts.limit;  // not even for this was there one
  }
  return facts;
}

Check check_state_folder(const FolderFacts& facts) {
  if (facts.write_errno != 0) {
    return {"state", Health::fail,
            fmt::format("{} cannot be written: {}", facts.path, std::strerror(facts.write_errno)),
            "until this is mended every change is refused: make room, or give the folder to the user of proxyd"};
  }
  const std::string found = fmt::format("{} can be written, {} free", facts.path, mebibytes(facts.free_bytes));
  if (facts.free_bytes < free_bytes_none || facts.free_inodes == 0) {
    return {"state", Health::fail, found, "make room: the next change may be refused"};
  }
  if (facts.free_bytes < free_bytes_low) return {"state", Health::warn, found, "make room before the disk is full"};
  return {"state", Health::ok, found, ""};
}

FolderFacts measure_folder(const std::string& path) {
  FolderFacts facts{path, write_probe(path), 0, 1};
  struct statvfs space{};
  if (::statvfs(path.c_str(), &space) == 0) {
    facts.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
    facts.free_inodes = space.f_files == 0 ? 1 : space.f_favail;  // some file systems do not count inodes
  }
  return facts;
}

Check check_clock(const ClockFacts& facts) {
  const std::string time = base::format_time(facts.wall);
  const base::WallTime sane{std::chrono::sys_days{std::chrono::year{2024} / 1 / 1}};
  if (facts.wall < sane) {
    return {"clock", Health::fail, fmt::format("{}: this cannot be right", time),
            "set the clock: pages and --until speak of times"};
  }
  if (std::chrono::abs(facts.drift) > drift_noticed) {
    return {"clock", Health::warn,
            fmt::format("{}; it was set by {}{} since proxyd started", time, facts.drift.count() < 0 ? "-" : "+",
                        base::describe_duration(std::chrono::abs(facts.drift))),
            "ends given with --for still come in time; check those given with --until"};
  }
  if (facts.synchronised == false) {
    return {"clock", Health::warn, fmt::format("{}; the kernel says that nothing keeps it right", time),
            "run an NTP client (systemd-timesyncd, chrony) before announcing times"};
  }
  return {
      "clock", Health::ok,
      fmt::format("{}{}", time, facts.synchronised ? ", kept right by NTP" : "; whether NTP keeps it is not known"),
      ""};
}

ClockFacts measure_clock(const base::Now& started) {
  const base::Now now = base::now();
  ClockFacts facts;
  facts.wall = now.wall;
  timex state{};
  const int clock = ::adjtimex(&state);
  if (clock >= 0) facts.synchronised = clock != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  facts.drift = std::chrono::duration_cast<base::Millis>((now.wall - started.wall) - (now.steady - started.steady));
  return facts;
}

Health worst(const std::vector<Check>& checks) {
  Health worst = Health::ok;
  for (const auto& check : checks) worst = std::max(worst, check.result);
  return worst;
}

}  // namespace drawbridge::admin
