#include "proxy/obs/process.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace drawbridge::obs {
namespace {

std::uint64_t count_descriptors() {
  std::error_code failed;
  const std::filesystem::directory_iterator folder("/proc/self/fd", failed);
  if (failed) return 0;
  const auto entries = std::distance(begin(folder), end(folder));
  return entries > 0 ? static_cast<std::uint64_t>(entries - 1) : 0;  // without the one that reads the folder
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Wall time of boot plus the start after boot: fields `btime` of /proc/stat and 22 of /proc/self/stat.
double start_time() {
  std::ifstream machine("/proc/stat");
  double boot = 0;
  for (std::string word; machine >> word;) {
    if (word == "btime") machine >> boot;
  }
  std::ifstream self("/proc/self/stat");
  std::string text{std::istreambuf_iterator<char>(self), {}};
  // The program's name, in parentheses, may hold spaces: fields are counted after it.
  text.erase(0, text.rfind(')') + 1);
  constexpr int fields_before_start = 19;
  std::size_t at = 0;
  for (int i = 0; i < fields_before_start && at != std::string::npos; ++i) at = text.find(' ', at + 1);
  if (boot == 0 || at == std::string::npos) return 0;
  return boot + std::stod(text.substr(at)) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

void measure_process(Exposed& exposed) {
  exposed.descriptors_open = count_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) exposed.descriptors_max = limit.rlim_cur;
  std::uint64_t pages_total = 0, pages_resident = 0;
  std::ifstream memory("/proc/self/statm");
  if (memory >> pages_total >> pages_resident) {
    exposed.resident_bytes = pages_resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) exposed.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  static const double start = start_time();
  exposed.start_seconds = start;
}

}  // namespace drawbridge::obs
