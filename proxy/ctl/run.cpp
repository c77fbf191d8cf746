#include "proxy/ctl/run.h"

#include "proxy/ctl/command_line.h"
#include "proxy/ctl/document.h"
#include "proxy/ctl/print.h"
#include "proxy/ctl/run_cutover.h"
#include "proxy/ctl/wire.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <optional>
#include <string>

namespace drawbridge::ctl {

namespace json = boost::json;

namespace {

constexpr base::Millis stop_margin{2'000};

bool is_change(Verb verb) {
  return verb == Verb::mode || verb == Verb::server || verb == Verb::reload;
}

Exit exit_of(const json::object& problem) {
  if (text(problem, "code") == "permission_denied") return Exit::denied;
  return text(problem, "code") == "shutting_down" ? Exit::unreachable : Exit::refused;
}

Exit tell_problem(const Options& options, const Console& console, const std::string& body) {
  const auto problem = parse_object(body);
  if (!problem) {
    console.error("proxyctl: the answer is not one of proxyd's: is something else listening there?\n");
    return Exit::refused;
  }
  if (options.json) console.out(body);
  console.error("proxyctl: " + print_problem(*problem, {}));
  return exit_of(*problem);
}

Exit tell_failure(const Options& options, const Console& console, const WireFailure& failure, bool published) {
  console.error(fmt::format("proxyctl: {}\n", failure.message));
  if (failure.kind == WireFailure::Kind::forbidden) return Exit::denied;
  if (!is_change(options.verb) || !failure.sent) return Exit::unreachable;
  if (published) {
    console.error(
        "The change was made and stays. Whether all has ended that had to is not known. Look with:\n"
        "  proxyctl status\n  proxyctl history\n");
    return Exit::undrained;
  }
  console.error(
      "The change was sent; whether it was made is not known. Look with:\n"
      "  proxyctl status\n  proxyctl history\n");
  return Exit::unreachable;
}

// The answer of a daemon that ends while a change drains.
Exit tell_late_problem(const Options& options, const Console& console, const json::object& last,
                       const std::string& line) {
  if (options.json) console.out(line + "\n");
  console.error("proxyctl: " + print_problem(object_in(last, "error"), {}));
  console.error("The change was made and stays; what was still open is not known. Look with: proxyctl history\n");
  return Exit::undrained;
}

Exit tell_receipt(const Options& options, const Console& console, const json::object& last,
                  const std::string& line) {
  const json::object& receipt = object_in(last, "receipt");
  if (options.json) {
    console.out(line + "\n");
  } else {
    console.out(print_receipt(receipt, console.look));
  }
  const std::string result = text(receipt, "result");
  if (result == "superseded") return Exit::refused;
  return result == "outstanding" || result == "unknown" ? Exit::undrained : Exit::done;
}

Exit run_change(const Options& options, const Console& console) {
  bool published = false;
  std::string last_line;
  const auto on_line = [&](std::string_view line, const Behind&) {
    if (line.empty()) return true;
    last_line = line;
    const auto object = parse_object(line);
    if (!object || !object->contains("progress")) return true;
    published = true;
    if (console.committed) console.committed(true);
    if (console.progress) console.progress(print_progress(object_in(*object, "progress")));
    return true;
  };
  if (console.committed) console.committed(false);
  const auto reply = exchange(options.socket, make_request(options), on_line);
  if (console.progress) console.progress("");
  if (!reply) return tell_failure(options, console, reply.error(), published);
  if (reply->status != 200) return tell_problem(options, console, reply->body);
  if (!published) last_line = reply->body.substr(0, reply->body.find('\n'));
  const auto last = parse_object(last_line);
  if (last && last->contains("receipt")) return tell_receipt(options, console, *last, last_line);
  if (last && last->contains("error")) return tell_late_problem(options, console, *last, last_line);
  const WireFailure cut_short{WireFailure::Kind::broken, true, "the answer ended without a receipt"};
  return tell_failure(options, console, cut_short, published);
}

Exit print_preview(const Options& options, const Console& console, const json::object& preview) {
  const auto raw = [&](std::string_view key) {
    const json::value* value = preview.if_contains(json::string_view(key.data(), key.size()));
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
  };
  if (options.head) console.out(raw("head") + "\r\n\r\n");
  const std::string body = raw("body");
  console.out(body);
  if (!body.empty() && body.back() != '\n') console.out("\n");
  if (const auto pool = text(preview, "notice_pool"); !pool.empty()) {
    console.error(
        fmt::format("proxyctl: in maintenance pool {} answers for this site; this page is shown only if none "
                    "of its servers can\n",
                    pool));
  }
  return Exit::done;
}

Exit print_document(const Options& options, const Console& console, const json::object& document) {
  switch (options.verb) {
    case Verb::status:
      console.out(print_status(document, console.look));
      return Exit::done;
    case Verb::pool_list:
      console.out(print_pools(document, console.look));
      return Exit::done;
    case Verb::history:
      console.out(print_history(document, console.look, options.count));
      return Exit::done;
    case Verb::explain:
      console.out(print_explanation(document, console.look));
      return Exit::done;
    case Verb::doctor:
      console.out(print_doctor(document, console.look));
      return Exit::done;
    case Verb::wait:
      console.out(print_waited(document, console.look));
      return Exit::done;
    case Verb::page_preview:
      return print_preview(options, console, document);
    case Verb::version:
      console.out(print_versions(document));
      return Exit::done;
    case Verb::abort:
      console.out(print_aborted(document));
      return Exit::done;
    case Verb::mode:
    case Verb::server:
    case Verb::reload:
    case Verb::cutover:
    case Verb::rollback:
    case Verb::events:
    case Verb::help:
      break;
  }
  return Exit::done;
}

// What an answer says by itself, printed or not.
Exit judge(const Options& options, const json::object& document) {
  if (options.verb == Verb::doctor && text(document, "result") == "fail") return Exit::refused;
  if (options.verb == Verb::wait && !flag(document, "reached")) return Exit::refused;
  return Exit::done;
}

// Nothing may be done about the site before its writes go on.
void await_stop(const Options& options, const Console& console, const json::object& aborted) {
  const base::Millis bound = base::Millis{number(aborted, "stopping_ms")} + stop_margin;
  const json::object body{{"sites", json::array{text(aborted, "site")}},
                          {"until", "drained"},
                          {"timeout", base::format_duration(bound)}};
  const WireRequest request{"POST", "/v1/wait", json::serialize(body), "", bound + stop_margin};
  const auto reply = exchange(options.socket, request, {});
  const auto told = reply ? parse_object(reply->body).value_or(json::object{}) : json::object{};
  if (options.json) return;
  const auto message = text(told, "detail");
  console.out(message.empty() ? fmt::format("{}: on {}\n", text(aborted, "site"), text(aborted, "pool"))
                              : message + "\n");
}

Exit run_question(const Options& options, const Console& console) {
  const auto reply = exchange(options.socket, make_request(options), {});
  if (!reply) {
    if (options.verb == Verb::version) console.out(print_versions({}));
    return tell_failure(options, console, reply.error(), false);
  }
  if (reply->status != 200) return tell_problem(options, console, reply->body);
  const auto document = parse_object(reply->body);
  if (!document) return tell_problem(options, console, reply->body);
  if (options.json) {
    console.out(reply->body);
  } else {
    print_document(options, console, *document);
  }
  if (document->contains("stopping_ms")) await_stop(options, console, *document);
  return judge(options, *document);
}

Exit run_watch(const Options& options, const Console& console) {
  Exit last = run_question(options, console);
  if (last != Exit::done) return last;
  while (true) {
    console.next_picture();
    run_question(options, console);  // a daemon that is being restarted comes back
  }
}

Exit run_events(const Options& options, const Console& console) {
  const auto on_line = [&](std::string_view line, const Behind&) {
    constexpr std::string_view prefix = "data: ";
    if (!line.starts_with(prefix)) return true;
    line.remove_prefix(prefix.size());
    const auto event = parse_object(line);
    if (options.json) {
      console.out(std::string(line) + "\n");
    } else if (event) {
      console.out(print_event(*event, console.look));
    }
    return true;
  };
  const auto reply = exchange(options.socket, make_request(options), on_line);
  if (!reply) return tell_failure(options, console, reply.error(), false);
  if (reply->status != 200) return tell_problem(options, console, reply->body);
  console.error("proxyctl: proxyd is ending\n");
  return Exit::unreachable;
}

// For shells that complete: silent when the daemon is not there.
Exit run_names(const Options& options, const Console& console) {
  const auto fetch = [&](const char* target) -> json::object {
    WireRequest request;
    request.method = "GET";
    request.target = target;
    request.patience = base::Millis{2'000};
    const auto reply = exchange(options.socket, request, {});
    if (!reply || reply->status != 200) return {};
    return parse_object(reply->body).value_or(json::object{});
  };
  if (options.names == "SITE") {
    const json::object status = fetch("/v1/status");
    for (const json::value& site : array_in(status, "sites")) console.out(text(as_object(site), "site") + "\n");
    return Exit::done;
  }
  const json::object pools = fetch("/v1/pools");
  for (const json::value& pool : array_in(pools, "pools")) {
    if (options.names == "POOL") console.out(text(as_object(pool), "pool") + "\n");
    if (options.names != "ADDRESS") continue;
    for (const json::value& server : array_in(as_object(pool), "servers")) {
      console.out(text(as_object(server), "address") + "\n");
    }
  }
  return Exit::done;
}

}  // namespace

Exit run(const Options& options, const Console& console) {
  if (options.verb == Verb::help && !options.names.empty()) return run_names(options, console);
  if (options.verb == Verb::help) {
    console.out(help_text(options.topic));
    return Exit::done;
  }
  if (options.verb == Verb::cutover || options.verb == Verb::rollback) return run_cutover(options, console);
  if (is_change(options.verb)) return run_change(options, console);
  if (options.verb == Verb::events) return run_events(options, console);
  if (options.watch && console.next_picture) return run_watch(options, console);
  return run_question(options, console);
}

}  // namespace drawbridge::ctl
