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

Tone result_tone(const std::string& result) {
  if (result == "done") return Tone::good;
  return result == "cut" ? Tone::warning : Tone::bad;
}

std::string result_text(const json::object& receipt) {
  std::string result = text(receipt, "result");
  if (result == "cut") {
    json::object all = object_in(receipt, "cut_counts");
    const auto unanswered = number(object_in(receipt, "unknown_counts"), "writes");
    all["writes"] = number(all, "writes") + unanswered;
    return fmt::format("in force; {}, their outcome unknown: {}", unanswered == 0 ? "cut" : "cut or not answered",
                       print_counts(all));
  }
  if (result == "unknown") {
    return fmt::format("in force, but the outcome of {} is unknown: the server may still be at it",
                       print_counts(object_in(receipt, "unknown_counts")));
  }
  if (result == "outstanding" && receipt.contains("at_server")) {
    return fmt::format("in force, but the server still has {}", counted(number(receipt, "at_server"), "request"));
  }
  if (result == "outstanding") {
    return "in force, but the drain deadline passed with " +
           print_counts(object_in(receipt, "outstanding_counts")) + " open";
  }
  if (result == "superseded") return "no longer in force: another change came first";
  return result;
}

std::string upper_first(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string waited_text(const json::object& receipt) {
  const auto fenced = fmt::format("fence passed after {}", duration(receipt, "fenced_ms"));
  if (text(receipt, "change").starts_with("server ready ")) return fenced + "\n";
  if (text(receipt, "change").starts_with("server ")) {
    return fmt::format("{}, {} {}\n", fenced,
                       text(receipt, "result") == "done" ? "the server has nothing left after" : "waited",
                       duration(receipt, "drained_ms"));
  }
  return fmt::format("{}, {} {}; ended meanwhile: {}\n", fenced,
                     text(receipt, "result") == "outstanding" ? "waited" : "drained after",
                     duration(receipt, "drained_ms"), print_counts(object_in(receipt, "drained")));
}

}  // namespace

std::string print_counts(const json::object& counts) {
  std::string all;
  for (const auto& [key, noun] : {std::pair{"reads", "read"}, {"writes", "write"}, {"tunnels", "tunnel"}}) {
    const std::int64_t count = number(counts, key);
    if (count == 0) continue;
    all += (all.empty() ? "" : ", ") + counted(count, noun);
  }
  return all.empty() ? "nothing" : all;
}

std::string print_requests(const json::array& requests, const Look& look) {
  Table table({"  REQUEST ID", "SITE", "CLASS", "AGE", "METHOD", "PATH", "SERVER"});
  for (const json::value& value : requests) {
    const json::object& request = as_object(value);
    table.add({{"  " + text(request, "request_id")},
               {text(request, "site")},
               {text(request, "class")},
               {duration(request, "age_ms")},
               {text(request, "method")},
               {text(request, "path")},
               {text(request, "server")}});
  }
  return table.empty() ? "" : table.print(look);
}

std::string print_earlier(const json::object& earlier) {
  const auto count = number(earlier, "count");
  return fmt::format("before this command {}{} ended without {} whole answer, the last one {} ago",
                     flag(earlier, "at_least") ? "at least " : "", counted(count, "write"),
                     count == 1 ? "its server's" : "their servers'", duration(earlier, "newest_ms"));
}

std::string print_lists(const json::object& receipt, const Look& look) {
  std::string out;
  if (const auto& cut = array_in(receipt, "cut"); !cut.empty()) {
    out += "cut, their outcome unknown:\n" + print_requests(cut, look);
  }
  if (const auto& unknown = array_in(receipt, "unknown"); !unknown.empty()) {
    out += "not answered by their server, their outcome unknown:\n" + print_requests(unknown, look);
  }
  if (const auto& open = array_in(receipt, "outstanding"); !open.empty()) {
    out += "still open:\n" + print_requests(open, look);
  }
  if (const auto& earlier = object_in(receipt, "earlier_unknown"); !earlier.empty()) {
    out += look.paint(Tone::warning, print_earlier(earlier) + "; it may still be at work:") + "\n" +
           print_requests(array_in(earlier, "requests"), look);
  }
  if (const auto lost = text(receipt, "before_restart"); !lost.empty()) {
    out += look.paint(Tone::warning, "warning: " + lost) + "\n";
  }
  return out;
}

std::string print_receipt(const json::object& receipt, const Look& look) {
  const std::string sites = joined(receipt, "sites");
  std::string out = fmt::format("{}{} at {}, epoch {}\n", sites.empty() ? "" : look.paint(Tone::bold, sites) + ": ",
                                look.paint(Tone::bold, text(receipt, "change")), text(receipt, "published_at"),
                                number(receipt, "epoch"));
  out += waited_text(receipt);
  out += look.paint(result_tone(text(receipt, "result")), result_text(receipt)) + "\n";
  if (const auto note = text(receipt, "note"); !note.empty()) out += note + "\n";
  if (const auto warning = text(receipt, "warning"); !warning.empty()) {
    out += look.paint(Tone::warning, "warning: " + warning) + "\n";
  }
  return out + print_lists(receipt, look);
}

std::string print_progress(const json::object& progress) {
  const std::string stage = text(progress, "stage");
  if (stage == "published") return "published, waiting for the workers to pass the fence";
  std::string waiting =
      "waiting for " + (progress.contains("at_server") ? counted(number(progress, "at_server"), "request")
                                                       : print_counts(object_in(progress, "open")));
  if (!progress.contains("timeout_ms")) return waiting;
  return fmt::format("{} to end, {} of {}", waiting,
                     base::describe_duration(base::Millis{number(progress, "elapsed_ms") / 1000 * 1000}),
                     duration(progress, "timeout_ms"));
}

std::string print_problem(const json::object& problem, const Look& look) {
  const std::string detail = text(problem, "detail");
  std::string out = look.paint(Tone::bad, detail.empty() ? text(problem, "title") : detail) + "\n";
  if (const auto hint = text(problem, "hint"); !hint.empty()) out += upper_first(hint) + "\n";
  if (const auto keys = joined(problem, "keys"); !keys.empty()) out += "Keys: " + keys + "\n";
  for (const json::value& value : array_in(problem, "problems")) {
    // Several lines with a caret: as proxyd --check prints them.
    const json::value* shown = as_object(value).if_contains("text");
    if (shown != nullptr && shown->is_string()) out += std::string(shown->get_string());
  }
  return out;
}

std::string print_waited(const json::object& waited, const Look& look) {
  const std::string after = duration(waited, "waited_ms");
  if (flag(waited, "reached")) return look.paint(Tone::good, "reached") + " after " + after + "\n";
  if (const auto note = text(waited, "note"); !note.empty()) {
    return look.paint(Tone::bad, "not reached") + fmt::format(" after {}: {}\n", after, note);
  }
  const std::string missing = joined(waited, "missing");
  return look.paint(Tone::bad, "not reached") +
         fmt::format(" within {}{}\n", after, missing.empty() ? "" : ": " + missing);
}

}  // namespace drawbridge::ctl
