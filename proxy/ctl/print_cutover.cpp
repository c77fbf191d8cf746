#include "proxy/ctl/document.h"
#include "proxy/ctl/print.h"

#include <fmt/format.h>

namespace drawbridge::ctl {

namespace json = boost::json;

namespace {

std::string duration(const json::object& object, std::string_view key) {
  const std::int64_t milliseconds = number(object, key);
  return milliseconds == 0 ? "0ms" : base::describe_duration(base::Millis{milliseconds});
}

std::string drained_text(const json::object& receipt) {
  const json::object& cutover = object_in(receipt, "cutover");
  const std::string failure = text(cutover, "failure");
  const bool given_up = failure == "deadline" || failure == "gone" || failure == "aborted";
  if (given_up && text(cutover, "failed_at") == "drain") return "given up before what had to end had ended\n";
  return fmt::format("{} {}; ended meanwhile: {}\n", failure == "undrained" ? "waited" : "drained after",
                     duration(receipt, "drained_ms"), print_counts(object_in(receipt, "drained")));
}

std::string held_text(const json::object& receipt) {
  const json::object& cutover = object_in(receipt, "cutover");
  const json::object& parked = object_in(cutover, "parked");
  const std::int64_t waiting = number(parked, "waiting");
  const std::string waited = waiting == 0 ? "nobody waited"
                                          : fmt::format("{} waited, the longest {}", counted(waiting, "request"),
                                                        duration(parked, "oldest_ms"));
  const std::int64_t left = number(parked, "left");
  return fmt::format("held for {}: {}{}; refused: {}\n{}", duration(cutover, "held_ms"), waited,
                     left == 0 ? "" : fmt::format(", {} gave up", left), number(cutover, "refused"),
                     drained_text(receipt));
}

// When the two pools were written to: nothing lies between the two but the flip.
std::string writes_text(const json::object& cutover) {
  const std::string last = text(cutover, "last_write_at");
  const std::string first = text(cutover, "first_write_at");
  std::string out;
  if (!last.empty()) out += fmt::format("last write on {} ended at {}", text(cutover, "from"), last);
  if (!first.empty()) {
    out += fmt::format("{}first write on {} began at {}", out.empty() ? "" : "; ", text(cutover, "to"), first);
  }
  if (!out.empty()) out += "\n";
  const json::object& open = object_in(cutover, "open_at_flip");
  std::string named;
  const auto add = [&](std::int64_t count, const char* noun, const char* remark) {
    if (count > 0) named += fmt::format("{}{} ({})", named.empty() ? "" : ", ", counted(count, noun), remark);
  };
  add(number(open, "writes"), "write", "exempt requests do not wait");
  add(number(open, "tunnels"), "tunnel", "told to go; until they have gone they may write there");
  return named.empty() ? out : out + fmt::format("open on {} at the flip: {}\n", text(cutover, "from"), named);
}

constexpr const char* unknown_advice =
    "\nLook at its server what became of it, then give the command again; with --cut it goes on all the same";

std::string watched_text(const json::object& watched) {
  return fmt::format("{} of {} in error", number(watched, "errors"),
                     counted(number(watched, "requests"), "answer"));
}

std::string slice_names(const json::array& slices) {
  std::string names;
  for (const json::value& value : slices) {
    const json::object& slice = as_object(value);
    names += fmt::format("{}{} (on {})", names.empty() ? "" : ", ", text(slice, "match"), text(slice, "pool"));
  }
  return names;
}

// Slices that a move of the whole site ends, or brings back; or would.
std::string slices_text(const json::object& cutover, bool dry_run) {
  std::string out;
  if (const auto& ended = array_in(cutover, "absorbed"); !ended.empty()) {
    out += fmt::format("all of the site goes there: it {} the slices {}\n", dry_run ? "would end" : "ended",
                       slice_names(ended));
  }
  if (const auto& back = array_in(cutover, "restored"); !back.empty()) {
    out +=
        fmt::format("but for its slices, which {} back: {}\n", dry_run ? "would come" : "are", slice_names(back));
  }
  return out;
}

// What the pool that was left has accepted since it was moved to: the other one was not sent it.
std::string left_behind_text(const json::object& cutover, const Look& look) {
  const std::string from = text(cutover, "from");
  const auto writes = [&](const std::string& key) {
    const bool at_least = flag(cutover, key + "_at_least");
    const auto count = number(cutover, key);
    return count == 0 && !at_least ? std::string() : (at_least ? "at least " : "") + counted(count, "write");
  };
  if (const auto left = writes("discarded_writes"); !left.empty()) {
    const auto* would_be = flag(cutover, "dry_run") ? "would be " : "";
    return look.paint(Tone::warning, fmt::format("{}left behind on {}: {}", would_be, from, left)) + "\n";
  }
  const auto accepted = writes("accepted_writes");
  if (accepted.empty()) return {};
  return fmt::format(
      "{} was sent {} since it was cut over to; {} has {} only if both share their data or something brings {}\n",
      from, accepted, text(cutover, "to"), number(cutover, "accepted_writes") == 1 ? "it" : "them",
      number(cutover, "accepted_writes") == 1 ? "it" : "them");
}

}  // namespace

std::string print_cutover(const json::object& receipt, const Look& look) {
  const json::object& cutover = object_in(receipt, "cutover");
  const std::string from = text(cutover, "from");
  const std::string to = text(cutover, "to");
  const std::string match = text(cutover, "match");
  const std::string site =
      look.paint(Tone::bold, match.empty() ? joined(receipt, "sites")
                                           : fmt::format("{} of {}", match, joined(receipt, "sites")));
  const std::string note = text(receipt, "note");
  if (flag(cutover, "dry_run")) {
    const std::string warning = text(receipt, "warning");
    return fmt::format("{}: could go from {} to {} now: {}\n{}{}{}{}\n", site, from, to, note,
                       slices_text(cutover, true), left_behind_text(cutover, look),
                       warning.empty() ? "" : look.paint(Tone::warning, warning) + "\n",
                       look.paint(Tone::good, "nothing was changed"));
  }
  if (text(receipt, "result") == "failed_back") {
    return fmt::format(
        "{}: {}\n{}{}{}\n", site,
        look.paint(Tone::bad, fmt::format("not on {}, but on {} as before: {}", to, from, note)),
        held_text(receipt), print_lists(receipt, look) + print_open_at_run(cutover, look),
        fmt::format("failed in stage {}, epoch {}{}", text(cutover, "failed_at"), number(receipt, "epoch"),
                    text(cutover, "failure") == "unknown" ? unknown_advice : ""));
  }
  if (text(receipt, "result") == "returned") {
    return fmt::format("{}: {}\n{}{}{}back in epoch {}\n", site,
                       look.paint(Tone::bad, fmt::format("back on {}: {}", to, note)), held_text(receipt),
                       print_lists(receipt, look), left_behind_text(cutover, look), number(receipt, "epoch"));
  }
  std::string out = fmt::format("{}: from {} to {} at {}, epoch {}\n", site, from, look.paint(Tone::bold, to),
                                text(cutover, "flip_at"), number(receipt, "epoch"));
  out += slices_text(cutover, false) + held_text(receipt) + writes_text(cutover) +
         print_open_at_run(cutover, look) + print_lists(receipt, look) + left_behind_text(cutover, look);
  if (cutover.contains("watched")) {
    const json::object& watched = object_in(cutover, "watched");
    out += fmt::format("watched {} for {}: {}\n", to, duration(watched, "watched_ms"), watched_text(watched));
  }
  if (text(receipt, "result") == "superseded") {
    return out + look.paint(Tone::warning, note) + "; where it is now: proxyctl status\n";
  }
  if (text(receipt, "result") == "watch_failed") {
    return out + look.paint(Tone::bad, fmt::format("{} is on {}, but not well: {}", site, to, note)) +
           fmt::format("\nTo go back: proxyctl rollback {}\n", joined(receipt, "sites"));
  }
  if (const auto mode = text(cutover, "mode"); mode != "live") {
    const bool stays = !cutover.contains("mode_before") || text(cutover, "mode_before") == mode;
    const auto sentence = fmt::format("{} {} {}", joined(receipt, "sites"), stays ? "stays in" : "is now in", mode);
    out += look.paint(Tone::warning, sentence) + "\n";
  }
  const auto* what = match.empty() ? "{} can be switched off" : "nothing of it is open on {}";
  return out + look.paint(Tone::good, text(receipt, "result")) +
         fmt::format("; when {}: proxyctl wait {} --until drained\n", fmt::format(fmt::runtime(what), from),
                     joined(receipt, "sites"));
}

std::string print_open_at_run(const json::object& object, const Look& look) {
  const json::object& open = object_in(object, "open_at_run");
  if (open.empty()) return {};
  return fmt::format("{} of {} open as the command began; exempt requests do not wait:\n",
                     counted(number(open, "writes"), "write"), text(object, "from")) +
         print_requests(array_in(open, "oldest"), look);
}

std::string print_aborted(const json::object& aborted) {
  if (aborted.contains("stopping_ms")) {
    return fmt::format("{}: given up; its command is told to end, and writes wait until it has, for {} at most\n",
                       text(aborted, "site"), duration(aborted, "stopping_ms"));
  }
  return fmt::format("{}: given up; the site is on {}\n", text(aborted, "site"), text(aborted, "pool"));
}

std::string print_cutover_progress(const json::object& progress) {
  const std::string stage = text(progress, "stage");
  const std::string left = duration(progress, "left_ms");
  if (stage == "drain" && progress.contains("open")) {
    return fmt::format("held; waiting for {} of {} to end, {} left", print_counts(object_in(progress, "open")),
                       text(progress, "from"), left);
  }
  if (stage == "watch") {
    return fmt::format("on {}; watching: {}, {} left", text(progress, "to"),
                       watched_text(object_in(progress, "watched")), left);
  }
  if (stage == "stop") return fmt::format("held until nothing of the command runs any more, {} at most", left);
  if (stage == "retire") return fmt::format("on {}; who waited goes on", text(progress, "to"));
  if (stage == "back") return fmt::format("back on {}; who waited goes on", text(progress, "from"));
  if (stage == "check") return fmt::format("held; checking {}, {} left", text(progress, "to"), left);
  return fmt::format("held; {} left", left);
}

}  // namespace drawbridge::ctl
