#include "proxy/admin/request.h"
#include "tests/fuzz/fuzz_check.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

// The first byte picks the parser, the rest is what a client of the admin socket says. What is accepted must hold
// what the next layers rely on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drawbridge;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto now = *base::parse_time("2026-03-01T12:00:00Z", {});
  switch (data[0] % 6) {
    case 0:
      if (const auto parsed = admin::parse_mode_command(text, now)) {
        const auto& command = std::get<core::ModeCommand>(parsed->what);
        FUZZ_CHECK(command.mode != core::Mode::live || !command.cut);
        FUZZ_CHECK(!(command.lasts && command.until));
        FUZZ_CHECK(command.reason.size() <= base::limits::reason_bytes_max);
      }
      break;
    case 1:
      if (const auto parsed = admin::parse_server_command(text)) {
        FUZZ_CHECK(!std::get<core::ServerCommand>(parsed->what).pool.empty());
      }
      break;
    case 2:
      if (const auto parsed = admin::parse_explain(text)) {
        FUZZ_CHECK(parsed->target == "*" || parsed->target.starts_with('/'));
        FUZZ_CHECK(!parsed->method.empty());
      }
      break;
    case 3:
      if (const auto parsed = admin::parse_wait(text)) FUZZ_CHECK(parsed->timeout.count() <= 24 * 3'600'000);
      break;
    case 4:
      if (const auto parsed = admin::parse_preview(text)) FUZZ_CHECK(!parsed->site.empty());
      break;
    default:
      if (const auto target = admin::parse_target(text)) {
        static_cast<void>(admin::parse_site_filter(*target));
        static_cast<void>(admin::parse_history(*target));
        static_cast<void>(admin::parse_events(*target, ""));
        static_cast<void>(admin::parse_preview(*target));
      }
  }
  return 0;
}
