#include "proxy/ctl/document.h"
#include "proxy/ctl/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace drawbridge::ctl {

namespace json = boost::json;

namespace {

constexpr std::int64_t old_write_ms = 10'000;  // older than this is worth a line of its own

struct Notice {
  Tone tone = Tone::warning;
  std::string text;
};

std::string elapsed(std::int64_t milliseconds) {
  return base::describe_duration(base::Millis{std::max<std::int64_t>(0, milliseconds)});
}

// Since `key` of `object`, on the daemon's clock; empty if it is not said.
std::string age(const json::object& status, const json::object& object, std::string_view key) {
  const auto now = time_in(status, "now");
  const auto then = time_in(object, key);
  if (!now || !then) return {};
  return elapsed((*now - *then).count() / 1000 * 1000);
}

std::string left(const json::object& status, const json::object& site) {
  if (site.contains("ends_in_ms")) return elapsed((number(site, "ends_in_ms") + 999) / 1000 * 1000);
  const auto now = time_in(status, "now");
  const auto until = time_in(site, "until");
  return now && until ? elapsed((*until - *now).count()) : std::string{};
}

std::string reason_of(const json::object& object) {
  const std::string reason = text(object, "reason");
  return reason.empty() ? "" : ": " + reason;
}

void notice_mode(const json::object& status, const json::object& site, std::vector<Notice>& notices) {
  const std::string mode = text(site, "mode");
  if (mode == "live") return;
  std::string line = fmt::format("{} is {} for {}", text(site, "site"), mode, age(status, site, "since"));
  const std::string rest = left(status, site);
  if (!rest.empty()) line += fmt::format(", {} in {}", text(site, "then"), rest);
  if (const auto by = text(site, "by"); !by.empty()) line += ", by " + by;
  notices.push_back({Tone::warning, line + reason_of(site)});
}

std::string of_match(const json::object& cutover) {
  const std::string match = text(cutover, "match");
  return match.empty() ? "" : " of " + match;
}

void notice_cutover(const json::object& site, std::vector<Notice>& notices) {
  if (!site.contains("cutover")) return;
  const json::object& cutover = object_in(site, "cutover");
  std::string line =
      fmt::format("{} is in a cutover{} from {} to {} by {}, stage {}", text(site, "site"), of_match(cutover),
                  text(cutover, "from"), text(cutover, "to"), text(cutover, "by"), text(cutover, "stage"));
  if (cutover.contains("left_ms")) line += fmt::format(", {} left", elapsed(number(cutover, "left_ms")));
  notices.push_back({Tone::warning, line});
}

void notice_drain(const json::object& site, std::vector<Notice>& notices) {
  if (!site.contains("draining")) return;
  const json::object& draining = object_in(site, "draining");
  const std::string open = print_counts(object_in(draining, "open"));
  const std::int64_t left_ms = number(draining, "left_ms");
  if (left_ms > 0) {
    notices.push_back({Tone::warning, fmt::format("{} is draining for {}: {} open, {} left", text(site, "site"),
                                                  text(draining, "change"), open, elapsed(left_ms))});
  } else {
    notices.push_back({Tone::bad, fmt::format("{}: the drain deadline of {} has passed with {} open",
                                              text(site, "site"), text(draining, "change"), open)});
  }
}

void notice_parked(const json::object& site, std::vector<Notice>& notices) {
  if (!site.contains("parked")) return;
  const json::object& parked = object_in(site, "parked");
  if (number(parked, "waiting") == 0) return;
  const auto waiting = number(parked, "waiting");
  notices.push_back({Tone::warning, fmt::format("{}: {} {} (at most {}), the oldest for {}", text(site, "site"),
                                                counted(waiting, "request"), waiting == 1 ? "waits" : "wait",
                                                number(parked, "max"), elapsed(number(parked, "oldest_ms")))});
}

void notice_writes(const json::object& site, std::vector<Notice>& notices) {
  const json::array& writes = array_in(site, "oldest_writes");
  if (writes.empty()) return;
  const json::object& oldest = as_object(writes[0]);
  if (number(oldest, "age_ms") < old_write_ms) return;
  notices.push_back({Tone::warning, fmt::format("{} has a write open for {}: {} {} ({})", text(site, "site"),
                                                elapsed(number(oldest, "age_ms")), text(oldest, "method"),
                                                text(oldest, "path"), text(oldest, "request_id"))});
}

void notice_unknown(const json::object& site, std::vector<Notice>& notices) {
  const json::object& unknown = object_in(site, "unknown_writes");
  const json::array& requests = array_in(unknown, "requests");
  if (requests.empty()) return;
  const json::object& last = as_object(requests[0]);
  notices.push_back(
      {Tone::warning,
       fmt::format("{}: {}{} got no whole answer, outcome unknown, the last one {} ago: {} {} of {} ({})",
                   text(site, "site"), flag(unknown, "at_least") ? "at least " : "",
                   counted(number(unknown, "count"), "write"), elapsed(number(unknown, "newest_ms")),
                   text(last, "method"), text(last, "path"), text(last, "server"), text(last, "request_id"))});
}

bool takes_part(const json::object& server) {
  return text(server, "admin") == "ready" && text(server, "health") != "down";
}

// What of a site a pool answers: all of it, slices, or its maintenance page.
std::vector<std::string> parts_on(const json::object& site, const std::string& pool) {
  const std::string name = text(site, "site");
  std::vector<std::string> parts;
  if (text(site, "pool") == pool) parts.push_back(name);
  for (const json::value& value : array_in(site, "slices")) {
    const json::object& slice = as_object(value);
    if (text(slice, "pool") == pool) parts.push_back(fmt::format("{} of {}", text(slice, "match"), name));
  }
  if (text(site, "notice_pool") == pool) parts.push_back(fmt::format("the maintenance pool of {}", name));
  return parts;
}

std::string all_on(const json::object& status, const std::string& pool) {
  std::string all;
  std::size_t count = 0;
  for (const json::value& site : array_in(status, "sites")) {
    for (const auto& part : parts_on(as_object(site), pool)) all += (count++ == 0 ? "" : ", ") + part;
  }
  return all.empty() ? "" : all + (count == 1 ? " is down" : " are down");
}

// Requests in a row that came to nothing, though checks may say that all is well.
std::string broken_text(const json::object& server) {
  constexpr std::int64_t broken_min = 3;
  const json::object& broken = object_in(server, "broken");
  if (number(broken, "count") < broken_min) return {};
  return fmt::format("the last {} requests got no whole answer: {}, {} ago", number(broken, "count"),
                     text(broken, "last"), elapsed(number(broken, "last_ago_ms")));
}

void notice_pool(const json::object& status, const json::object& pool, std::vector<Notice>& notices) {
  const json::array& servers = array_in(pool, "servers");
  const std::string name = text(pool, "pool");
  const std::string down = all_on(status, name);
  const bool usable = std::any_of(servers.begin(), servers.end(),
                                  [](const json::value& server) { return takes_part(as_object(server)); });
  if (!usable && !down.empty()) {
    notices.push_back({Tone::bad, fmt::format("pool {} has no server that can answer: {}", name, down)});
  }
  for (const json::value& value : servers) {
    const json::object& server = as_object(value);
    const std::string address = text(server, "address");
    if (text(server, "admin") != "ready") {
      notices.push_back(
          {Tone::warning, fmt::format("{} of pool {} is set to {}", address, name, text(server, "admin"))});
    } else if (text(server, "health") == "down") {
      const std::string since = age(status, server, "health_since");
      const std::string why = text(server, "health_reason");
      notices.push_back({usable ? Tone::warning : Tone::bad,
                         fmt::format("{} of pool {} is down{}{}", address, name,
                                     since.empty() ? "" : " for " + since, why.empty() ? "" : ": " + why)});
    } else if (const auto broken = broken_text(server); !broken.empty()) {
      notices.push_back({Tone::bad, fmt::format("{} of pool {} ({}) is {}, but {}", address, name,
                                                text(pool, "speaks"), text(server, "health"), broken)});
    }
  }
}

std::vector<Notice> find_notices(const json::object& status) {
  std::vector<Notice> notices;
  for (const json::value& warning : array_in(status, "warnings")) {
    if (warning.is_string()) notices.push_back({Tone::bad, std::string(warning.get_string())});
  }
  for (const json::value& pool : array_in(status, "pools")) notice_pool(status, as_object(pool), notices);
  for (const json::value& site : array_in(status, "sites")) {
    notice_mode(status, as_object(site), notices);
    notice_cutover(as_object(site), notices);
    notice_drain(as_object(site), notices);
    notice_parked(as_object(site), notices);
    notice_writes(as_object(site), notices);
    notice_unknown(as_object(site), notices);
  }
  return notices;
}

Tone mode_tone(const std::string& mode) {
  return mode == "live" ? Tone::good : Tone::warning;
}

std::string count_cell(const json::object& site, std::string_view key) {
  if (!site.contains("in_flight")) return "?";
  return std::to_string(number(object_in(site, "in_flight"), key));
}

std::string print_sites(const json::object& status, const Look& look) {
  Table table({"SITE", "MODE", "SINCE", "THEN", "POOL", "READS", "WRITES", "TUNNELS", "OLDEST WRITE", "BY", "WHY"});
  for (const json::value& value : array_in(status, "sites")) {
    const json::object& site = as_object(value);
    const json::array& writes = array_in(site, "oldest_writes");
    const std::string rest = left(status, site);
    const std::string oldest = writes.empty() ? "" : elapsed(number(as_object(writes[0]), "age_ms"));
    const std::string notice = text(site, "notice_pool");
    const bool from_notice = text(site, "mode") == "maintenance" && !notice.empty();
    table.add({{text(site, "site"), Tone::bold},
               {text(site, "mode"), mode_tone(text(site, "mode"))},
               {age(status, site, "since") + " ago"},
               {rest.empty() ? "" : fmt::format("{} in {}", text(site, "then"), rest)},
               {text(site, "pool") + (from_notice ? " (now " + notice + ")" : "")},
               {count_cell(site, "reads")},
               {count_cell(site, "writes")},
               {count_cell(site, "tunnels")},
               {oldest},
               {text(site, "by")},
               {text(site, "reason")}});
  }
  return table.empty() ? "No sites.\n" : table.print(look);
}

std::string print_slices(const json::object& status, const Look& look) {
  Table table({"SITE", "SLICE", "POOL", "SINCE", "WRITES THERE", "BY", "WHY"});
  for (const json::value& value : array_in(status, "sites")) {
    const json::object& site = as_object(value);
    const auto& slices = array_in(site, "slices");
    for (const json::value& entry : slices) {
      const json::object& slice = as_object(entry);
      table.add({{text(site, "site"), Tone::bold},
                 {text(slice, "match")},
                 {text(slice, "pool")},
                 {age(status, slice, "since") + " ago"},
                 {slice.contains("writes") ? std::to_string(number(slice, "writes")) : "?"},
                 {text(slice, "by")},
                 {text(slice, "reason")}});
    }
    if (!slices.empty())
      table.add({{text(site, "site"), Tone::bold}, {"the rest"}, {text(site, "pool")}, {""}, {""}, {""}, {""}});
  }
  return table.empty() ? "" : table.print(look) + "\n";
}

Tone health_tone(const std::string& health) {
  if (health == "up") return Tone::good;
  return health == "down" ? Tone::bad : Tone::faint;
}

std::string why_of(const json::object& server) {
  if (text(server, "health") == "down") return text(server, "health_reason");
  const auto broken = broken_text(server);
  return broken.empty() && text(server, "health") != "up" ? text(server, "health_reason") : broken;
}

std::string print_servers(const json::object& document, const Look& look) {
  Table table({"POOL", "SPEAKS", "SERVER", "WEIGHT", "ADMIN", "REQUESTS", "HEALTH", "SINCE", "WHY", "SITES"});
  for (const json::value& entry : array_in(document, "pools")) {
    const json::object& pool = as_object(entry);
    for (const json::value& value : array_in(pool, "servers")) {
      const json::object& server = as_object(value);
      const std::string since = age(document, server, "health_since");
      const std::string admin = text(server, "admin");
      const std::string speaks = text(pool, "speaks");
      table.add({{text(pool, "pool"), Tone::bold},
                 {speaks == "http1" ? "" : speaks},
                 {text(server, "address")},
                 {std::to_string(number(server, "weight"))},
                 {admin, admin == "ready" ? Tone::plain : Tone::warning},
                 {server.contains("in_flight") ? std::to_string(number(server, "in_flight")) : "?"},
                 {text(server, "health"), health_tone(text(server, "health"))},
                 {since.empty() ? "" : since + " ago"},
                 {why_of(server)},
                 {joined(pool, "sites")}});
      for (const json::value& other : array_in(server, "endpoints")) {
        const json::object& endpoint = as_object(other);
        table.add({{""},
                   {""},
                   {"  " + text(endpoint, "address")},
                   {""},
                   {""},
                   {""},
                   {text(endpoint, "health"), health_tone(text(endpoint, "health"))},
                   {""},
                   {why_of(endpoint)},
                   {""}});
      }
    }
  }
  return table.empty() ? "No servers.\n" : table.print(look);
}

}  // namespace

std::string print_status(const json::object& status, const Look& look) {
  std::string out;
  const auto notices = find_notices(status);
  for (const Tone tone : {Tone::bad, Tone::warning}) {
    for (const auto& notice : notices) {
      if (notice.tone == tone) out += look.paint(tone, "! " + notice.text) + "\n";
    }
  }
  if (notices.empty()) out += look.paint(Tone::good, "Nothing unusual.") + "\n";
  out += "\n" + print_sites(status, look) + "\n" + print_slices(status, look) + print_servers(status, look) + "\n";
  return out +
         look.paint(Tone::faint,
                    fmt::format("epoch {} · proxyd {}, up {} · {}", number(status, "epoch"),
                                text(status, "version"), age(status, status, "started_at"), text(status, "now"))) +
         "\n";
}

std::string print_pools(const json::object& pools, const Look& look) {
  return print_servers(pools, look);
}

}  // namespace drawbridge::ctl
