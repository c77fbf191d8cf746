#include "proxy/admin/request.h"

#include "proxy/admin/json_reader.h"
#include "proxy/base/ascii.h"
#include "proxy/base/limits.h"
#include "proxy/core/slice_match.h"
#include "proxy/http/forwarded.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace drawbridge::admin {

namespace limits = base::limits;

namespace {

constexpr std::size_t name_bytes_max = 256;

std::optional<core::Mode> read_mode(JsonReader& reader, std::string_view key) {
  const std::string text = reader.text(key);
  if (text.empty()) return std::nullopt;
  const auto mode = core::parse_mode(text);
  if (mode) return mode;
  reader.fail(fmt::format("'{}': no mode '{}'; there are: live, readonly, hold, maintenance", key, text));
  return std::nullopt;
}

std::optional<core::AnswerForm> form_of(std::string_view text) {
  if (text.empty() || text == "html") return core::AnswerForm::html;
  if (text == "json") return core::AnswerForm::problem_json;
  if (text == "text") return core::AnswerForm::text;
  return std::nullopt;
}

// What to say of a combination that makes no sense; empty if it does.
std::string check_mode(const core::ModeCommand& command, bool has_then) {
  if (command.lasts && command.until) return "'for' and 'until' say the same thing; give one of them";
  const bool ends = command.lasts || command.until;
  if (command.mode == core::Mode::live && ends) {
    return "live stays until it is changed: 'for' and 'until' do not go with it";
  }
  if (command.mode == core::Mode::live && command.cut)
    return "nothing has to end for live: 'cut' does not go with it";
  if (has_then && !ends && command.mode != core::Mode::hold) return "'then' needs 'for' or 'until'";
  if (command.lasts && command.lasts->count() <= 0) return "'for' must be longer than nothing";
  return {};
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = base::hex_value(text[i + 1]);
    const int low = base::hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const char byte = static_cast<char>(high * 16 + low);
    if ((byte >= 0 && byte < 0x20) || byte == 0x7f) return std::nullopt;
    out += byte;
    i += 2;
  }
  return out;
}

// Each query key at most once, but for `repeated`, and none but `known`.
Parsed<void> check_query(const Target& target, const std::vector<std::string_view>& known,
                         std::string_view repeated = "") {
  std::vector<std::string_view> seen;
  for (const auto& [key, value] : target.query) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return std::unexpected(bad_request(fmt::format("unknown query key '{}'", key)));
    }
    if (key != repeated && std::find(seen.begin(), seen.end(), key) != seen.end()) {
      return std::unexpected(bad_request(fmt::format("'{}' is given twice", key)));
    }
    if (value.size() > name_bytes_max && key != "reason") {
      return std::unexpected(bad_request(fmt::format("'{}' is longer than {} bytes", key, name_bytes_max)));
    }
    seen.push_back(key);
  }
  return {};
}

std::string value_of(const Target& target, std::string_view key) {
  for (const auto& [name, value] : target.query) {
    if (name == key) return value;
  }
  return {};
}

Parsed<PreviewRequest> make_preview(PreviewRequest preview, std::string_view form) {
  const auto parsed = form_of(form);
  if (!parsed) return std::unexpected(bad_request("'as' is html, json or text"));
  preview.form = *parsed;
  if (preview.mode == core::Mode::live) {
    return std::unexpected(bad_request("a live site shows its own pages; 'mode' is readonly or maintenance"));
  }
  return preview;
}

}  // namespace

Parsed<Target> parse_target(std::string_view target) {
  Target parsed;
  const auto question = target.find('?');
  parsed.path = target.substr(0, question);
  if (question == std::string_view::npos) return parsed;
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    const auto key = decode(pair.substr(0, equals));
    const auto value = decode(pair.substr(std::min(pair.size(), equals + 1)));
    if (!key || !value) return std::unexpected(bad_request("the query holds a bad percent escape"));
    parsed.query.emplace_back(*key, *value);
  }
  return parsed;
}

Parsed<core::Command> parse_mode_command(std::string_view body, base::WallTime now) {
  JsonReader reader(body);
  core::ModeCommand command;
  reader.required_text("mode");
  command.mode = read_mode(reader, "mode").value_or(core::Mode::live);
  command.sites = reader.texts("sites", limits::sites_max, name_bytes_max);
  command.lasts = reader.duration("for");
  if (reader.has("until")) {
    const std::string text = reader.text("until");
    const auto until = base::parse_time(text, now);
    if (until) {
      command.until = *until;
    } else {
      reader.fail(fmt::format("'until': {}", until.error().message));
    }
  } else {
    reader.text("until");
  }
  if (const auto scope = reader.text("scope"); !scope.empty()) {
    command.scope = core::parse_hold_scope(scope);
    if (!command.scope) reader.fail(fmt::format("'scope' is writes or all, not '{}'", scope));
  }
  const bool has_then = reader.has("then");
  command.then = read_mode(reader, "then");
  command.drain_timeout = reader.duration("drain");
  command.cut = reader.flag("cut");
  command.reason = reader.text("reason", limits::reason_bytes_max);
  const auto if_epoch = reader.number("if_epoch");
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  if (auto wrong = check_mode(command, has_then); !wrong.empty()) return std::unexpected(bad_request(wrong));
  return core::Command{std::move(command), if_epoch, {}};
}

Parsed<core::Command> parse_server_command(std::string_view body) {
  JsonReader reader(body);
  core::ServerCommand command;
  command.pool = reader.required_text("pool");
  command.address = reader.required_text("address");
  const auto admin = core::parse_server_admin(reader.required_text("admin"));
  if (!admin) reader.fail("'admin' is drain, ready or disabled");
  command.admin = admin.value_or(core::ServerAdmin::ready);
  command.drain_timeout = reader.duration("drain");
  command.cut = reader.flag("cut");
  command.reason = reader.text("reason", limits::reason_bytes_max);
  const auto if_epoch = reader.number("if_epoch");
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  return core::Command{std::move(command), if_epoch, {}};
}

namespace {

// "5%", "0.5%" as a part of one.
std::optional<double> parse_percent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  double percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(percent >= 0 && percent <= 100)) return std::nullopt;
  return percent / 100;
}

}  // namespace

Parsed<core::Command> parse_cutover_command(std::string_view body, bool rollback) {
  JsonReader reader(body);
  core::CutoverCommand command;
  command.rollback = rollback;
  command.site = reader.required_text("site");
  command.match = reader.text("match", core::SliceMatch::bytes_max);
  if (command.match.empty() && reader.has("match"))
    reader.fail("'match' is empty; left out it means the whole site");
  command.discard_writes = reader.flag("discard_writes");
  if (!rollback) command.to = reader.required_text("to");
  if (const auto hold = reader.text("hold"); !hold.empty()) {
    command.hold = core::parse_hold_scope(hold);
    if (!command.hold) reader.fail(fmt::format("'hold' is writes or all, not '{}'", hold));
  }
  command.drain_timeout = reader.duration("drain");
  command.deadline = reader.duration("deadline");
  command.run = reader.flag("run");
  command.check = reader.text("check", 2'048);
  command.cut = reader.flag("cut");
  command.dry_run = reader.flag("dry_run");
  command.then = read_mode(reader, "then");
  const auto watch = reader.duration("watch");
  if (watch && watch->count() <= 0) reader.fail("'watch' must be longer than nothing");
  command.watch = watch.value_or(base::Millis{0});
  if (const auto part = reader.text("errors_max"); !part.empty()) {
    const auto parsed = parse_percent(part);
    if (!parsed) reader.fail("'errors_max' is a percentage from 0% to 100%, like \"5%\"");
    command.errors_max = parsed.value_or(command.errors_max);
  }
  command.return_on_errors = reader.flag("return_on_errors");
  command.reason = reader.text("reason", limits::reason_bytes_max);
  const auto if_epoch = reader.number("if_epoch");
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  return core::Command{std::move(command), if_epoch, {}};
}

Parsed<RunEnded> parse_run_ended(std::string_view body) {
  JsonReader reader(body);
  RunEnded ended;
  ended.site = reader.required_text("site");
  const auto id = reader.number("id");
  const auto exit_code = reader.number("exit_code");
  ended.stopped = reader.flag("stopped");
  ended.output = reader.lines("output", limits::command_output_bytes_max);
  if (!id || !exit_code || *exit_code > 255) reader.fail("'id' and 'exit_code' (0 to 255) are needed");
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  ended.id = *id;
  ended.exit_code = static_cast<int>(*exit_code);
  return ended;
}

Parsed<Abort> parse_abort(std::string_view body) {
  JsonReader reader(body);
  Abort abort{.site = reader.required_text("site"), .now = reader.flag("now")};
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  return abort;
}

Parsed<core::Command> parse_reload_command(std::string_view body) {
  JsonReader reader(body.empty() ? "{}" : body);
  const auto if_epoch = reader.number("if_epoch");
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  return core::Command{core::ReloadCommand{}, if_epoch, {}};
}

Parsed<control::WaitFor> parse_wait(std::string_view body) {
  JsonReader reader(body);
  control::WaitFor wait;
  wait.sites = reader.texts("sites", limits::sites_max, name_bytes_max);
  std::string until = reader.required_text("until");
  if (until.starts_with("mode=")) {
    const auto mode = core::parse_mode(std::string_view(until).substr(5));
    if (!mode) reader.fail(fmt::format("'until': no mode '{}'", until.substr(5)));
    wait.until = control::WaitFor::Until::mode;
    wait.mode = mode.value_or(core::Mode::live);
  } else if (until == "live") {
    wait.until = control::WaitFor::Until::live;
  } else if (until != "drained") {
    reader.fail("'until' is drained, live or mode=MODE");
  }
  const auto timeout = reader.duration("timeout");
  if (timeout) wait.timeout = std::min(*timeout, wait.timeout);
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  return wait;
}

Parsed<ExplainRequest> parse_explain(std::string_view body) {
  JsonReader reader(body);
  const std::string method = reader.required_text("method", 64);
  const std::string url = reader.required_text("url", 16 * 1024);
  const auto headers = reader.texts("headers", limits::headers_max, 16 * 1024);
  const std::string from = reader.text("from");
  const auto client = http::parse_ip(from);
  if (!from.empty() && !client) reader.fail(fmt::format("'from' is an IP address, not '{}'", from));
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  auto parsed = parse_explained(method, url, headers);
  if (!parsed) return std::unexpected(bad_request(parsed.error().message));
  parsed->client = client;
  return std::move(*parsed);
}

Parsed<PreviewRequest> parse_preview(std::string_view body) {
  JsonReader reader(body);
  PreviewRequest preview;
  preview.site = reader.required_text("site");
  preview.mode = read_mode(reader, "mode");
  const std::string form = reader.text("as");
  preview.reason = reader.text("reason", limits::reason_bytes_max);
  preview.lasts = reader.duration("for");
  if (auto problem = reader.problem()) return std::unexpected(std::move(*problem));
  return make_preview(std::move(preview), form);
}

Parsed<PreviewRequest> parse_preview(const Target& target) {
  if (auto checked = check_query(target, {"site", "mode", "as", "reason", "for"}); !checked) {
    return std::unexpected(checked.error());
  }
  PreviewRequest preview;
  preview.site = value_of(target, "site");
  if (preview.site.empty()) return std::unexpected(bad_request("'site' is missing"));
  preview.reason = value_of(target, "reason");
  if (preview.reason.size() > limits::reason_bytes_max) {
    return std::unexpected(bad_request(fmt::format("'reason' is longer than {} bytes", limits::reason_bytes_max)));
  }
  if (const auto mode = value_of(target, "mode"); !mode.empty()) {
    preview.mode = core::parse_mode(mode);
    if (!preview.mode) {
      return std::unexpected(bad_request(fmt::format("'mode': no mode '{}'", mode)));
    }
  }
  if (const auto lasts = value_of(target, "for"); !lasts.empty()) {
    const auto parsed = base::parse_duration(lasts);
    if (!parsed) return std::unexpected(bad_request(fmt::format("'for': {}", parsed.error().message)));
    preview.lasts = *parsed;
  }
  return make_preview(std::move(preview), value_of(target, "as"));
}

Parsed<std::vector<std::string>> parse_site_filter(const Target& target) {
  if (auto checked = check_query(target, {"site"}, "site"); !checked) return std::unexpected(checked.error());
  std::vector<std::string> sites;
  for (const auto& [key, value] : target.query) {
    if (value.empty()) return std::unexpected(bad_request("'site' is empty"));
    sites.push_back(value);
  }
  return sites;
}

Parsed<HistoryRequest> parse_history(const Target& target) {
  if (auto checked = check_query(target, {"site", "limit"}); !checked) return std::unexpected(checked.error());
  HistoryRequest request{value_of(target, "site"), limits::history_entries_max};
  const auto limit = value_of(target, "limit");
  if (limit.empty()) return request;
  const auto count = base::parse_decimal(limit);
  if (!count || *count == 0) return std::unexpected(bad_request("'limit' must be a whole number above 0"));
  request.count = std::min<std::size_t>(*count, limits::history_entries_max);
  return request;
}

Parsed<std::optional<std::uint64_t>> parse_events(const Target& target, std::string_view last_event_id) {
  if (auto checked = check_query(target, {"after"}); !checked) return std::unexpected(checked.error());
  std::string text = value_of(target, "after");
  if (!last_event_id.empty()) text = last_event_id;
  if (text.empty()) return std::optional<std::uint64_t>{};
  const auto after = base::parse_decimal(text);
  if (!after) return std::unexpected(bad_request("'after' must be a whole number"));
  return std::optional<std::uint64_t>{*after};
}

Parsed<void> expect_no_query(const Target& target) {
  return check_query(target, {});
}

}  // namespace drawbridge::admin
