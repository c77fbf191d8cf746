#include "proxy/ctl/document.h"
#include "proxy/ctl/print.h"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace drawbridge::ctl {

namespace json = boost::json;

namespace {

std::string who(const json::object& entry) {
  std::string user = text(entry, "user");
  if (!entry.contains("uid")) return user;
  return fmt::format("{} (uid {}, pid {})", user, number(entry, "uid"), number(entry, "pid"));
}

// "live → readonly" if it is the same for all sites, else what it became.
std::string step(const json::object& entry) {
  std::string change = text(entry, "change");
  if (change == "start") return change;  // is no mode that something became
  const json::object& before = object_in(entry, "before");
  std::string from;
  for (const auto& site : before) {
    if (!site.value().is_string()) return change;
    std::string was(site.value().get_string());
    if (!from.empty() && from != was) return change;
    from = std::move(was);
  }
  return from.empty() || from == change ? change : from + " → " + change;
}

std::string ending(const json::object& entry) {
  std::string end = text(entry, "result");
  const std::int64_t drained_ms = number(entry, "drained_ms");
  if (drained_ms > 0) end += " in " + base::describe_duration(base::Millis{drained_ms});
  const auto add = [&](std::string_view key, std::string_view what) {
    const std::string counts = print_counts(object_in(entry, key));
    if (counts != "nothing") end += fmt::format(", {} {}", what, counts);
  };
  add("drained", "drained");
  add("cut", "cut");
  add("unknown", "outcome unknown of");
  add("outstanding", "left open");
  return end;
}

Tone result_tone(const std::string& result) {
  if (result == "ok") return Tone::good;
  return result == "warn" ? Tone::warning : Tone::bad;
}

}  // namespace

std::string print_history(const json::object& history, const Look& look, std::uint64_t changes_max) {
  std::map<std::int64_t, std::string> endings;
  for (const json::value& value : array_in(history, "entries")) {
    const json::object& entry = as_object(value);
    if (text(entry, "kind") == "ended") endings[number(entry, "epoch")] = ending(entry);
  }
  std::uint64_t rows = 0;
  Table table({"TIME", "EPOCH", "CHANGE", "SITES", "BY", "END", "WHY", "NOTE"});
  for (const json::value& value : array_in(history, "entries")) {
    const json::object& entry = as_object(value);
    if (text(entry, "kind") == "ended") continue;
    if (changes_max != 0 && rows++ == changes_max) break;
    const auto end = endings.find(number(entry, "epoch"));
    table.add({{text(entry, "at")},
               {std::to_string(number(entry, "epoch"))},
               {step(entry), Tone::bold},
               {joined(entry, "sites")},
               {who(entry)},
               {end != endings.end()                               ? end->second
                : entry.contains("after") && entry.contains("uid") ? "no end recorded"
                                                                   : ""},
               {text(entry, "reason")},
               {text(entry, "note")}});
  }
  return table.empty() ? "No changes yet.\n" : table.print(look);
}

std::string print_explanation(const json::object& explained, const Look& look) {
  const std::string verdict = text(explained, "verdict");
  const bool forwarded = verdict == "forward";
  std::string head = forwarded ? fmt::format("forward to pool {}", text(explained, "pool")) : verdict;
  if (const auto status = number(explained, "status"); status != 0) head += fmt::format(", answer {}", status);
  std::string out = look.paint(forwarded ? Tone::good : Tone::warning, head) + "\n";
  const auto line = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) out += fmt::format("  {:<6} {}\n", label, value);
  };
  const std::string site = text(explained, "site");
  line("site", site.empty() ? "" : fmt::format("{} ({})", site, text(explained, "mode")));
  line("to", text(explained, "location"));
  line("slice", text(explained, "slice"));
  const std::string why = text(explained, "class_why");
  line("class", text(explained, "class") + (why.empty() ? "" : ", by " + why));
  const std::string speaks = text(explained, "speaks");
  line("speaks", speaks == "http1" ? "" : speaks);
  line("rule", text(explained, "rule"));
  line("path", text(explained, "path"));
  if (array_in(explained, "readings").size() > 1) line("or", joined(explained, "readings", "  "));
  return out + "  " + text(explained, "sentence") + "\n";
}

std::string print_doctor(const json::object& doctor, const Look& look) {
  std::string out;
  std::size_t widest = 0;
  for (const json::value& value : array_in(doctor, "checks")) {
    widest = std::max(widest, text(as_object(value), "check").size());
  }
  for (const json::value& value : array_in(doctor, "checks")) {
    const json::object& check = as_object(value);
    const std::string result = text(check, "result");
    out += fmt::format("{}{}  {:<{}}  {}\n", look.paint(result_tone(result), result),
                       std::string(4 - std::min<std::size_t>(4, result.size()), ' '), text(check, "check"), widest,
                       text(check, "text"));
    if (const auto advice = text(check, "advice"); !advice.empty()) {
      out += fmt::format("{:<{}}→ {}\n", "", widest + 8, advice);
    }
  }
  return out;
}

std::string print_event(const json::object& event, const Look& look) {
  const std::string severity = text(event, "severity");
  const Tone tone = severity == "error" ? Tone::bad : severity == "warning" ? Tone::warning : Tone::plain;
  std::string out = fmt::format("{} {} {}", look.paint(Tone::faint, text(event, "at")), look.paint(tone, severity),
                                look.paint(Tone::bold, text(event, "name")));
  const json::object& fields = object_in(event, "fields");
  for (const auto& field : fields) {
    const std::string value = text(fields, {field.key().data(), field.key().size()});
    const bool plain = !value.empty() && value.find_first_of(" \"=") == std::string::npos;
    out += fmt::format(" {}={}", std::string(field.key()), plain ? value : "\"" + value + "\"");
  }
  return out + "\n";
}

std::string print_versions(const json::object& daemon) {
  std::string out = fmt::format("proxyctl {}\n", DRAWBRIDGE_VERSION);
  const std::string version = text(daemon, "version");
  if (version.empty()) return out;
  return out + fmt::format("proxyd   {}, pid {}, since {}, epoch {}\n", version, number(daemon, "pid"),
                           text(daemon, "started_at"), number(daemon, "epoch"));
}

}  // namespace drawbridge::ctl
