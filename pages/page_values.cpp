#include "pages/page_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace drawbridge::pages {
namespace {

using Hole = core::AnswerHole::Kind;

constexpr std::array<std::string_view, 12> month_names = {"January",   "February", "March",    "April",
                                                          "May",       "June",     "July",     "August",
                                                          "September", "October",  "November", "December"};

std::string yes_if(bool condition) {
  return condition ? "yes" : "";
}

}  // namespace

std::string_view name(PageKind kind) {
  switch (kind) {
    case PageKind::readonly:
      return "readonly";
    case PageKind::hold:
      return "hold";
    case PageKind::maintenance:
      return "maintenance";
    case PageKind::no_server:
      return "no_server";
  }
  return "";
}

std::string describe_time(base::WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{} {} {}, {:02}:{:02} UTC", static_cast<unsigned>(date.day()),
                     month_names[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count());
}

std::vector<Placeholder> page_values(const PageFacts& facts, PageKind kind, bool write) {
  const auto& mode = facts.mode;
  const std::string base = fmt::format("{}{}", core::reserved_prefix, facts.site);
  const auto pause = std::max<long long>(1, std::chrono::ceil<std::chrono::seconds>(facts.retry_after).count());
  const bool dated = kind != PageKind::no_server;
  return {
      {"site", facts.site},
      {"mode", std::string{name(kind)}},
      {"reason", mode.reason},
      {"since", dated ? describe_time(mode.since) : ""},
      {"since_iso", dated ? base::format_time(mode.since) : ""},
      {"until", mode.until ? describe_time(*mode.until) : ""},
      {"until_iso", mode.until ? base::format_time(*mode.until) : ""},
      {"pause", fmt::format("{}", pause)},
      {"retry_after", "", Hole::retry_after},
      {"request_id", "", Hole::request_id},
      {"return_to", "", Hole::return_to},
      {"assets", base},
      {"state", fmt::format("{}/{}", base, core::reserved_state)},
      {"read", yes_if(!write)},
      {"write", yes_if(write)},
      {"readonly", yes_if(kind == PageKind::readonly)},
      {"hold", yes_if(kind == PageKind::hold)},
      {"maintenance", yes_if(kind == PageKind::maintenance)},
      {"no_server", yes_if(kind == PageKind::no_server)},
  };
}

std::vector<Placeholder> sample_values() {
  PageFacts facts;
  facts.site = "site";
  facts.mode.mode = core::Mode::maintenance;
  facts.mode.reason = "reason";
  auto values = page_values(facts, PageKind::maintenance, false);
  std::erase_if(values, [](const Placeholder& value) { return value.name == name(PageKind::no_server); });
  return values;
}

}  // namespace drawbridge::pages
