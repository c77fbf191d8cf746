#include "proxy/control/history.h"
#include "proxy/control/json_fields.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <optional>
#include <utility>

namespace drawbridge::control {
namespace {

namespace json = boost::json;

std::optional<core::Outcome> parse_outcome(std::string_view text) {
  for (const auto outcome : {core::Outcome::done, core::Outcome::outstanding, core::Outcome::unknown,
                             core::Outcome::cut, core::Outcome::superseded, core::Outcome::failed_back,
                             core::Outcome::returned, core::Outcome::watch_failed}) {
    if (core::name(outcome) == text) return outcome;
  }
  return std::nullopt;
}

json::object counts_object(const core::ClassCounts& counts) {
  json::object object;
  object["reads"] = static_cast<std::int64_t>(counts[core::RequestClass::read]);
  object["writes"] = static_cast<std::int64_t>(counts[core::RequestClass::write]);
  object["tunnels"] = static_cast<std::int64_t>(counts[core::RequestClass::tunnel]);
  return object;
}

core::ClassCounts read_counts(JsonFields& entry, std::string_view key) {
  JsonFields fields(entry.value(key), std::string(key));
  core::ClassCounts counts;
  counts[core::RequestClass::read] = fields.number("reads");
  counts[core::RequestClass::write] = fields.number("writes");
  counts[core::RequestClass::tunnel] = fields.number("tunnels");
  if (!fields.finish().empty()) entry.fail(key, "is no set of counts");
  return counts;
}

void add_sites(const HistoryEntry& entry, json::object& object) {
  json::array sites;
  json::object before;
  json::object after;
  for (const auto& site : entry.sites) {
    sites.push_back(json::value(site.name));
    if (!site.before.empty()) before[site.name] = site.before;
    if (!site.after.empty()) after[site.name] = site.after;
  }
  object["sites"] = std::move(sites);
  object["before"] = std::move(before);
  object["after"] = std::move(after);
}

std::string text_of(const json::value& object, const std::string& key) {
  const auto* members = object.if_object();
  const auto* value = members == nullptr ? nullptr : members->if_contains(key);
  return value == nullptr || !value->is_string() ? std::string() : std::string(value->get_string());
}

void read_sites(JsonFields& fields, HistoryEntry& entry) {
  const auto& before = fields.value("before");
  const auto& after = fields.value("after");
  const auto* sites = fields.value("sites").if_array();
  if (sites == nullptr) return fields.fail("sites", "is not a list");
  for (const auto& site : *sites) {
    if (!site.is_string()) return fields.fail("sites", "is not a list of names");
    const std::string name(site.get_string());
    entry.sites.push_back({name, text_of(before, name), text_of(after, name)});
  }
}

}  // namespace

std::string format_history(const HistoryEntry& entry) {
  json::object object;
  object["at"] = base::format_time(entry.at);
  object["epoch"] = static_cast<std::int64_t>(entry.epoch);
  object["change"] = entry.what;
  object["user"] = entry.actor.name;
  object["uid"] = entry.actor.uid;
  object["pid"] = entry.actor.pid;
  object["reason"] = entry.reason;
  if (!entry.output.empty()) object["output"] = entry.output;
  add_sites(entry, object);
  if (entry.kind == HistoryEntry::Kind::ended) {
    object["result"] = core::name(entry.outcome);
    object["fenced_ms"] = entry.fenced.count();
    object["drained_ms"] = entry.drained.count();
    object["drained"] = counts_object(entry.ended);
    object["cut"] = counts_object(entry.cut);
    if (entry.unknown.total() > 0) object["unknown"] = counts_object(entry.unknown);
    object["outstanding"] = counts_object(entry.outstanding);
    object["note"] = entry.note;
  }
  return json::serialize(object) + "\n";
}

base::Expected<HistoryEntry> parse_history(std::string_view line) {
  boost::system::error_code ec;
  const auto root = json::parse(json::string_view(line.data(), line.size()), ec);
  if (ec) return std::unexpected(base::Error{"not JSON: " + ec.message()});
  JsonFields fields(root, "history");
  HistoryEntry entry;
  entry.at = fields.time("at");
  entry.epoch = fields.number("epoch");
  entry.what = fields.text("change");
  entry.actor.name = fields.text("user");
  entry.actor.uid = fields.integer("uid");
  entry.actor.pid = fields.integer("pid");
  entry.reason = fields.text("reason");
  if (fields.has("output")) entry.output = fields.text("output");
  read_sites(fields, entry);
  if (fields.has("result")) {
    entry.kind = HistoryEntry::Kind::ended;
    entry.outcome = fields.word("result", parse_outcome);
    entry.fenced = base::Millis(fields.integer("fenced_ms"));
    entry.drained = base::Millis(fields.integer("drained_ms"));
    entry.ended = read_counts(fields, "drained");
    entry.cut = read_counts(fields, "cut");
    if (fields.has("unknown")) entry.unknown = read_counts(fields, "unknown");
    entry.outstanding = read_counts(fields, "outstanding");
    entry.note = fields.text("note");
  }
  if (auto problem = fields.finish(); !problem.empty()) return std::unexpected(base::Error{std::move(problem)});
  return entry;
}

}  // namespace drawbridge::control
