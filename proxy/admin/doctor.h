#pragma once

#include "proxy/base/time.h"
#include "proxy/obs/log_facts.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::admin {

enum class Health : std::uint8_t { ok, warn, fail };

std::string_view name(Health health);

// One line of `proxyctl doctor`.
struct Check {
  std::string check;  // constant: "descriptors", "state", "clock", "pages", "upstream", …
  Health result = Health::ok;
  std::string text;    // what was found
  std::string advice;  // what to do; empty with ok
};

// Who is let in: limits.connections, or fewer if the descriptors do not carry that.
struct ClientFacts {
  static constexpr base::Millis lately{60'000};

  std::uint64_t open = 0;
  std::uint64_t open_max = 0;
  std::uint64_t configured_max = 0;
  std::uint64_t wanted_descriptors = 0;  // what RLIMIT_NOFILE must be for configured_max
  std::uint64_t turned_away = 0;
  bool turned_away_lately = false;
};
Check check_clients(const ClientFacts& facts);
std::string client_warning(const ClientFacts& facts);  // for `status`; "": nobody is or was turned away lately

Check check_access_log(const obs::LogFacts& facts);
std::string access_log_warning(const obs::LogFacts& facts);  // for `status`; "": it is written and loses nothing

struct DescriptorFacts {
  std::uint64_t limit = 0;  // RLIMIT_NOFILE, soft
  std::uint64_t open = 0;
};
Check check_descriptors(const DescriptorFacts& facts, const ClientFacts& clients);
DescriptorFacts measure_descriptors();  // asks the kernel for a list of all that is open
std::uint64_t descriptor_limit();

struct FolderFacts {
  std::string path;
  int write_errno = 0;           // of writing and syncing a file there
  std::uint64_t free_bytes = 0;  // for us
  std::uint64_t free_inodes = 0;
};
Check check_state_folder(const FolderFacts& facts);
FolderFacts measure_folder(const std::string& path);  // writes a small file and removes it

struct ClockFacts {
  base::WallTime wall;
  std::optional<bool> synchronised;  // the kernel's word (adjtimex); unknown in some containers
  base::Millis drift{};              // of the wall clock against the steady one since the proxy started
};
Check check_clock(const ClockFacts& facts);
ClockFacts measure_clock(const base::Now& started);

Health worst(const std::vector<Check>& checks);

}  // namespace drawbridge::admin
