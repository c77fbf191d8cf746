#include "proxy/control/state_json.h"

#include "proxy/base/limits.h"
#include "proxy/control/json_fields.h"
#include "proxy/control/newer_state.h"
#include "proxy/core/slice_match.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <optional>
#include <utility>

namespace drawbridge::control {
namespace {

namespace json = boost::json;

json::array slice_list(const std::vector<SliceState>& slices) {
  json::array list;
  for (const auto& slice : slices) {
    json::array before;
    for (const auto& step : slice.before) before.push_back({{"match", step.match}, {"pool", step.pool}});
    list.push_back({{"match", slice.match},
                    {"pool", slice.pool},
                    {"since", base::format_time(slice.since)},
                    {"by", slice.by},
                    {"reason", slice.reason},
                    {"before", std::move(before)}});
  }
  return list;
}

json::object cutover_object(const CutoverRecord& cutover) {
  json::object object{{"id", static_cast<std::int64_t>(cutover.id)},
                      {"stage", core::name(cutover.stage)},
                      {"from", cutover.from},
                      {"to", cutover.to},
                      {"scope", core::name(cutover.scope)},
                      {"since", base::format_time(cutover.since)},
                      {"deadline", base::format_time(cutover.deadline)},
                      {"by", cutover.by}};
  if (!cutover.match.empty()) object["match"] = cutover.match;
  return object;
}

json::object site_object(const SiteState& site) {
  json::object object;
  object["mode"] = core::name(site.mode.mode);
  object["scope"] = core::name(site.mode.scope);
  object["since"] = base::format_time(site.mode.since);
  if (site.mode.until) object["until"] = base::format_time(*site.mode.until);
  if (site.ends) {
    object["ends"] = {
        {"boot", site.ends->boot}, {"steady_ms", site.ends->at.count()}, {"lasts_ms", site.ends->lasts.count()}};
  }
  object["then"] = core::name(site.mode.then);
  object["reason"] = site.mode.reason;
  object["by"] = site.mode.by;
  object["pool"] = site.pool;
  object["epoch"] = static_cast<std::int64_t>(site.epoch);
  object["configured"] = site.configured;
  if (!site.previous_pool.empty()) object["previous_pool"] = site.previous_pool;
  if (site.rolled_back) object["rolled_back"] = true;
  if (site.accepted) {
    object["accepted_writes"] = {{"count", static_cast<std::int64_t>(site.accepted->count)},
                                 {"exact", site.accepted->exact}};
  }
  if (site.cutover) object["cutover"] = cutover_object(*site.cutover);
  if (site.file_word) {
    object["file"] = {{"pool", site.file_word->pool}, {"mode", core::name(site.file_word->mode)}};
  }
  if (!site.slices.empty()) object["slices"] = slice_list(site.slices);
  if (!site.previous_slices.empty()) object["previous_slices"] = slice_list(site.previous_slices);
  return object;
}

std::string read_end(const json::value& value, const std::string& where, SteadyEnd& end) {
  JsonFields fields(value, where + " ends");
  end.boot = fields.text("boot");
  end.at = base::Millis(fields.integer("steady_ms"));
  end.lasts = base::Millis(fields.integer("lasts_ms"));
  return fields.finish();
}

std::string read_accepted(const json::value& value, const std::string& where, AcceptedWrites& accepted) {
  JsonFields fields(value, where + " accepted_writes");
  accepted.count = fields.number("count");
  accepted.exact = fields.boolean("exact");
  return fields.finish();
}

std::string read_file_word(const json::value& value, const std::string& where, FileWord& word) {
  JsonFields fields(value, where + " file");
  word.pool = fields.text("pool");
  word.mode = fields.word("mode", core::parse_mode);
  return fields.finish();
}

std::string read_cutover(const json::value& value, const std::string& where, CutoverRecord& cutover) {
  JsonFields fields(value, where + " cutover");
  cutover.id = fields.number("id");
  cutover.stage = fields.word("stage", core::parse_cutover_stage);
  cutover.from = fields.text("from");
  cutover.to = fields.text("to");
  cutover.scope = fields.word("scope", core::parse_hold_scope);
  cutover.since = fields.time("since");
  cutover.deadline = fields.time("deadline");
  cutover.by = fields.text("by");
  if (fields.has("match")) cutover.match = fields.text("match");
  return fields.finish();
}

std::string read_slice(const json::value& value, const std::string& where, SliceState& slice) {
  JsonFields fields(value, where + " slice");
  slice.match = fields.text("match");
  slice.pool = fields.text("pool");
  slice.since = fields.time("since");
  slice.by = fields.text("by");
  slice.reason = fields.text("reason");
  const auto& before = fields.value("before");
  auto problem = fields.finish();
  if (!problem.empty()) return problem;
  if (!core::SliceMatch::parse(slice.match)) return fmt::format("{} slice: '{}' is no match", where, slice.match);
  const auto* steps = before.if_array();
  if (steps == nullptr || steps->empty()) return where + " slice: 'before' is not a list with an entry";
  for (const auto& step : *steps) {
    JsonFields entry(step, where + " slice before");
    slice.before.push_back({.match = entry.text("match"), .pool = entry.text("pool")});
    problem = entry.finish();
    if (!problem.empty()) return problem;
  }
  return {};
}

std::string read_slices(const json::value& value, const std::string& where, std::vector<SliceState>& slices) {
  const auto* list = value.if_array();
  if (list == nullptr) return where + ": its slices are not a list";
  for (const auto& entry : *list) {
    auto problem = read_slice(entry, where, slices.emplace_back());
    if (!problem.empty()) return problem;
  }
  return {};
}

std::string read_site(const json::value& value, const std::string& name, SiteState& site) {
  const auto where = "site " + name;
  JsonFields fields(value, where);
  site.mode.mode = fields.word("mode", core::parse_mode);
  site.mode.scope = fields.word("scope", core::parse_hold_scope);
  site.mode.since = fields.time("since");
  if (fields.has("until")) site.mode.until = fields.time("until");
  if (fields.has("ends")) {
    const auto problem = read_end(fields.value("ends"), where, site.ends.emplace());
    if (!problem.empty()) return problem;
  }
  site.mode.then = fields.word("then", core::parse_mode);
  site.mode.reason = fields.text("reason");
  site.mode.by = fields.text("by");
  site.pool = fields.text("pool");
  site.epoch = fields.number("epoch");
  site.configured = fields.boolean("configured");
  if (fields.has("previous_pool")) site.previous_pool = fields.text("previous_pool");
  if (fields.has("rolled_back")) site.rolled_back = fields.boolean("rolled_back");
  if (fields.has("accepted_writes")) {
    const auto problem = read_accepted(fields.value("accepted_writes"), where, site.accepted.emplace());
    if (!problem.empty()) return problem;
  }
  if (fields.has("file")) {
    const auto problem = read_file_word(fields.value("file"), where, site.file_word.emplace());
    if (!problem.empty()) return problem;
  }
  for (const auto& [key, slices] :
       {std::pair{"slices", &site.slices}, {"previous_slices", &site.previous_slices}}) {
    if (!fields.has(key)) continue;
    auto problem = read_slices(fields.value(key), where, *slices);
    if (!problem.empty()) return problem;
  }
  if (fields.has("cutover")) {
    const auto problem = read_cutover(fields.value("cutover"), where, site.cutover.emplace());
    if (!problem.empty()) return problem;
  }
  return fields.finish();
}

std::string read_sites(const json::value& value, State& state) {
  const auto* sites = value.if_object();
  if (sites == nullptr) return "state: 'sites' is not an object";
  if (sites->size() > 2 * base::limits::sites_max) return "state: too many sites";
  for (const auto& member : *sites) {
    const std::string name(member.key());
    const auto problem = read_site(member.value(), name, state.sites[name]);
    if (!problem.empty()) return problem;
  }
  return {};
}

std::string read_servers(const json::value& value, State& state) {
  const auto* servers = value.if_array();
  if (servers == nullptr) return "state: 'servers' is not an array";
  if (servers->size() > base::limits::servers_max) return "state: too many servers";
  for (const auto& entry : *servers) {
    JsonFields fields(entry, "server");
    auto pool = fields.text("pool");
    auto address = fields.text("address");
    const auto admin = fields.word("admin", core::parse_server_admin);
    const auto problem = fields.finish();
    if (!problem.empty()) return problem;
    state.servers[{std::move(pool), std::move(address)}] = admin;
  }
  return {};
}

std::string read_ended(const json::value& value, Ended& ended) {
  JsonFields fields(value, "ended");
  ended.at = fields.time("at");
  const auto& writes = fields.value("unknown_writes");
  auto problem = fields.finish();
  if (!problem.empty()) return problem;
  const auto* by_site = writes.if_object();
  if (by_site == nullptr) return "ended: 'unknown_writes' is not an object";
  JsonFields counts(writes, "ended unknown_writes");
  for (const auto& member : *by_site) {
    const std::string site(member.key());
    ended.unknown_writes[site] = counts.number(site);
  }
  return counts.finish();
}

// The version before all else: what a newer proxyd wrote may have any form.
std::optional<StateProblem> check_version(const json::value& root) {
  const auto* object = root.if_object();
  if (object == nullptr) return StateProblem{"not a JSON object"};
  const auto* version = object->if_contains("version");
  const auto* number = version == nullptr ? nullptr : version->if_int64();
  if (number == nullptr || *number < 1) return StateProblem{"has no version"};
  if (*number > static_cast<std::int64_t>(state_version)) {
    return StateProblem{
        .message = fmt::format("has version {}, written by a newer proxyd, and this one knows {}: {}", *number,
                               state_version, ways_from_newer_state(*object)),
        .newer = true};
  }
  return std::nullopt;
}

}  // namespace

std::string format_state(const State& state) {
  json::object sites;
  for (const auto& [name, site] : state.sites) sites[name] = site_object(site);
  json::array servers;
  for (const auto& [key, admin] : state.servers) {
    servers.push_back({{"pool", key.first}, {"address", key.second}, {"admin", core::name(admin)}});
  }
  json::object root;
  root["version"] = static_cast<std::int64_t>(state_version);
  root["epoch"] = static_cast<std::int64_t>(state.epoch);
  root["sites"] = std::move(sites);
  root["servers"] = std::move(servers);
  if (state.ended) {
    json::object writes;
    for (const auto& [site, count] : state.ended->unknown_writes) writes[site] = static_cast<std::int64_t>(count);
    root["ended"] = {{"at", base::format_time(state.ended->at)}, {"unknown_writes", std::move(writes)}};
  }
  return json::serialize(root) + "\n";
}

std::expected<State, StateProblem> parse_state(std::string_view text) {
  if (text.size() > state_bytes_max) return std::unexpected(StateProblem{"is too large"});
  boost::system::error_code ec;
  const auto root = json::parse(json::string_view(text.data(), text.size()), ec);
  if (ec) return std::unexpected(StateProblem{"is not JSON: " + ec.message()});
  if (auto wrong = check_version(root)) return std::unexpected(std::move(*wrong));

  State state;
  JsonFields fields(root, "state");
  fields.number("version");
  state.epoch = fields.number("epoch");
  auto problem = read_sites(fields.value("sites"), state);
  if (problem.empty()) problem = read_servers(fields.value("servers"), state);
  if (problem.empty() && fields.has("ended")) problem = read_ended(fields.value("ended"), state.ended.emplace());
  if (problem.empty()) problem = fields.finish();
  if (!problem.empty()) return std::unexpected(StateProblem{std::move(problem)});
  return state;
}

}  // namespace drawbridge::control
