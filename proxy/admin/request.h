#pragma once

#include "proxy/admin/explain.h"
#include "proxy/admin/problem.h"
#include "proxy/base/time.h"
#include "proxy/control/status.h"
#include "proxy/core/answer.h"
#include "proxy/core/command.h"
#include "proxy/core/mode.h"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What clients of the admin socket may say, read strictly: unknown keys, wrong types and senseless values are
// refused with a sentence. Pure; outside data in, values out.
namespace drawbridge::admin {

template <class T>
using Parsed = std::expected<T, Problem>;

// "/v1/history?site=shop&limit=5", percent-decoded.
struct Target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;  // in order; "+" is a plus sign
};
Parsed<Target> parse_target(std::string_view target);

// Bodies. The actor of a command is left to the caller, who knows the peer.
Parsed<core::Command> parse_mode_command(std::string_view body, base::WallTime now);
Parsed<core::Command> parse_server_command(std::string_view body);
Parsed<core::Command> parse_cutover_command(std::string_view body, bool rollback);
Parsed<core::Command> parse_reload_command(std::string_view body);  // may be empty
Parsed<control::WaitFor> parse_wait(std::string_view body);
Parsed<ExplainRequest> parse_explain(std::string_view body);

struct RunEnded {
  std::string site;
  std::uint64_t id = 0;
  int exit_code = 0;
  bool stopped = false;  // it was told to end: whatever its code, it has not done its work
  std::string output;    // the last of what it printed
};
Parsed<RunEnded> parse_run_ended(std::string_view body);

struct Abort {
  std::string site;  // of the cutover that is given up
  bool now = false;
};
Parsed<Abort> parse_abort(std::string_view body);

struct PreviewRequest {
  std::string site;
  std::optional<core::Mode> mode;
  core::AnswerForm form = core::AnswerForm::html;
  std::string reason;
  std::optional<base::Millis> lasts;
};
Parsed<PreviewRequest> parse_preview(std::string_view body);
Parsed<PreviewRequest> parse_preview(const Target& target);

// Queries of the reading commands.
Parsed<std::vector<std::string>> parse_site_filter(const Target& target);

struct HistoryRequest {
  std::string site;  // empty: all
  std::size_t count = 0;
};
Parsed<HistoryRequest> parse_history(const Target& target);

// The sequence to begin behind; nullopt: only what comes.
Parsed<std::optional<std::uint64_t>> parse_events(const Target& target, std::string_view last_event_id);

Parsed<void> expect_no_query(const Target& target);

}  // namespace drawbridge::admin
