#include "proxy/admin/documents.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::admin {

namespace json = boost::json;

namespace {

json::object counts(const core::ClassCounts& counts) {
  return {{"reads", counts[core::RequestClass::read]},
          {"writes", counts[core::RequestClass::write]},
          {"tunnels", counts[core::RequestClass::tunnel]}};
}

json::array requests(const std::vector<core::OpenRequest>& open) {
  json::array list;
  for (const auto& request : open) {
    json::object shown{
        {"request_id", request.request_id}, {"site", request.site}, {"class", core::name(request.request_class)},
        {"method", request.method},         {"path", request.path}, {"age_ms", request.age.count()}};
    if (!request.server.empty()) shown["server"] = request.server;
    if (request.ended_ago.count() > 0) shown["ended_ago_ms"] = request.ended_ago.count();
    list.push_back(std::move(shown));
  }
  return list;
}

// Left out where there were none.
void put_unknown(json::object& object, std::string_view key, const core::UnknownWrites& writes) {
  if (writes.count == 0) return;
  json::object shown{
      {"count", writes.count}, {"newest_ms", writes.newest.count()}, {"requests", requests(writes.requests)}};
  if (!writes.exact) shown["at_least"] = true;
  object[key] = std::move(shown);
}

json::array strings(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

void put_if(json::object& object, std::string_view key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

json::object draining_document(const control::Draining& draining) {
  return {{"change", draining.what},
          {"epoch", draining.epoch},
          {"elapsed_ms", draining.elapsed.count()},
          {"left_ms", draining.left.count()},
          {"open", counts(draining.open)}};
}

json::object cutover_document(const control::CutoverStatus& cutover) {
  json::object object{{"id", cutover.id},     {"stage", core::name(cutover.stage)},
                      {"from", cutover.from}, {"to", cutover.to},
                      {"by", cutover.by},     {"elapsed_ms", cutover.elapsed.count()}};
  put_if(object, "match", cutover.match);
  if (cutover.left) object["left_ms"] = cutover.left->count();
  return object;
}

json::array slices_document(const std::vector<core::CutoverReceipt::Slice>& slices) {
  json::array list;
  for (const auto& slice : slices) list.push_back({{"match", slice.match}, {"pool", slice.pool}});
  return list;
}

json::object watched_document(const core::WatchReceipt& watched) {
  return {{"watched_ms", watched.lasted.count()},
          {"requests", watched.sample.requests},
          {"errors", watched.sample.errors}};
}

// Of a receipt.
void put_open(json::object& object, std::uint64_t writes, const std::vector<core::OpenRequest>& oldest) {
  if (writes > 0) object["open_at_run"] = {{"writes", writes}, {"oldest", requests(oldest)}};
}

json::object cutover_document(const core::CutoverReceipt& cutover) {
  json::object object{{"id", cutover.id}, {"from", cutover.from}, {"to", cutover.to}};
  put_if(object, "match", cutover.match);
  if (!cutover.absorbed.empty()) object["absorbed"] = slices_document(cutover.absorbed);
  if (!cutover.restored.empty()) object["restored"] = slices_document(cutover.restored);
  if (cutover.dry_run) object["dry_run"] = true;
  if (cutover.flip_at) object["flip_at"] = base::format_time(*cutover.flip_at);
  object["mode_before"] = core::name(cutover.mode_before);
  object["mode"] = core::name(cutover.mode);
  object["held_ms"] = cutover.held.count();
  object["parked"] = {
      {"waiting", cutover.parked}, {"oldest_ms", cutover.longest_parked.count()}, {"left", cutover.left_parking}};
  object["refused"] = cutover.refused;
  put_open(object, cutover.open_at_run, cutover.oldest_at_run);
  if (cutover.flip_at) object["open_at_flip"] = counts(cutover.open_at_flip);
  if (cutover.last_write_at) object["last_write_at"] = base::format_time(*cutover.last_write_at);
  if (cutover.first_write_at) object["first_write_at"] = base::format_time(*cutover.first_write_at);
  if (cutover.watched) object["watched"] = watched_document(*cutover.watched);
  if (cutover.exit_code) object["exit_code"] = *cutover.exit_code;
  if (cutover.writes) {
    const std::string key = cutover.discards ? "discarded_writes" : "accepted_writes";
    object[key] = *cutover.writes;
    if (!cutover.writes_exact) object[key + "_at_least"] = true;
  }
  if (cutover.failure == core::CutoverFailure::none) return object;
  object["failure"] = core::name(cutover.failure);
  object["failed_at"] = core::name(cutover.failed_at);
  return object;
}

// What a client runs its command with.
json::object environment_of(const control::CutoverProgress& cutover) {
  return {{"DRAWBRIDGE_SITE", cutover.site},
          {"DRAWBRIDGE_MATCH", cutover.match},
          {"DRAWBRIDGE_FROM", cutover.from},
          {"DRAWBRIDGE_TO", cutover.to},
          {"DRAWBRIDGE_EPOCH", std::to_string(cutover.id)}};
}

json::object cutover_progress_document(const control::Progress& progress) {
  const auto& cutover = *progress.cutover;
  json::object object{{"stage", core::name(cutover.stage)},
                      {"id", cutover.id},
                      {"site", cutover.site},
                      {"from", cutover.from},
                      {"to", cutover.to},
                      {"epoch", progress.epoch},
                      {"elapsed_ms", progress.elapsed.count()},
                      {"left_ms", cutover.left.count()}};
  put_if(object, "match", cutover.match);
  if (cutover.watched) object["watched"] = watched_document(*cutover.watched);
  if (cutover.stage == core::CutoverStage::run) {
    object["env"] = environment_of(cutover);
    put_unknown(object, "earlier_unknown", cutover.earlier);
    put_if(object, "before_restart", cutover.before_restart);
    put_open(object, cutover.open_at_run, cutover.oldest_at_run);
  }
  if (cutover.stage != core::CutoverStage::drain || progress.stage == control::Stage::published) return object;
  if (progress.timeout) object["timeout_ms"] = progress.timeout->count();
  object["open"] = counts(progress.open);
  if (!progress.oldest.empty()) object["oldest"] = requests(progress.oldest);
  return object;
}

json::array slices_document(const std::vector<control::SliceStatus>& slices) {
  json::array list;
  for (const auto& [id, slice, writes] : slices) {
    json::object object{{"match", slice.match}, {"pool", slice.pool}, {"since", base::format_time(slice.since)}};
    put_if(object, "by", slice.by);
    put_if(object, "reason", slice.reason);
    if (writes) object["writes"] = *writes;
    list.push_back(std::move(object));
  }
  return list;
}

json::object site_document(const control::SiteStatus& site, const control::Workers::SiteLoad* load) {
  json::object object{{"site", site.name}, {"mode", core::name(site.mode.mode)}};
  if (site.mode.mode == core::Mode::hold) object["scope"] = core::name(site.mode.scope);
  object["since"] = base::format_time(site.mode.since);
  put_if(object, "by", site.mode.by);
  put_if(object, "reason", site.mode.reason);
  if (site.mode.until) object["until"] = base::format_time(*site.mode.until);
  if (site.ends_in) object["ends_in_ms"] = site.ends_in->count();
  if (site.mode.until || site.ends_in) object["then"] = core::name(site.mode.then);
  object["epoch"] = site.epoch;
  object["pool"] = site.pool;
  if (!site.slices.empty()) object["slices"] = slices_document(site.slices);
  put_if(object, "notice_pool", site.notice_pool);
  if (load != nullptr) {
    object["in_flight"] = counts(load->in_flight);
    object["oldest_writes"] = requests(load->oldest_writes);
    put_unknown(object, "unknown_writes", load->unknown_writes);
    if (load->parked > 0 || site.mode.mode == core::Mode::hold) {
      object["parked"] = {
          {"waiting", load->parked}, {"oldest_ms", load->oldest_parked.count()}, {"max", site.parked_max}};
    }
  }
  if (site.draining) object["draining"] = draining_document(*site.draining);
  put_if(object, "previous_pool", site.previous_pool);
  if (site.rolled_back) object["rolled_back"] = true;
  if (site.cutover) object["cutover"] = cutover_document(*site.cutover);
  return object;
}

bool is_wanted(const std::vector<std::string>& only, const std::string& site) {
  return only.empty() || std::find(only.begin(), only.end(), site) != only.end();
}

}  // namespace

std::optional<Problem> find_unknown_site(const StatusParts& parts) {
  constexpr std::size_t listed_max = 10;
  for (const auto& wanted : parts.only) {
    const auto& sites = parts.status.sites;
    if (std::any_of(sites.begin(), sites.end(), [&](const auto& site) { return site.name == wanted; })) continue;
    std::string known;
    for (std::size_t i = 0; i < std::min(sites.size(), listed_max); ++i)
      known += (i > 0 ? ", " : "") + sites[i].name;
    if (sites.size() > listed_max) known += ", …";
    return Problem{404, "unknown_site", fmt::format("there is no site '{}'; there are: {}", wanted, known), {}};
  }
  return std::nullopt;
}

json::array certificates_of(const control::Status& status) {
  json::array list;
  for (const auto& one : status.certificates) {
    json::object certificate{{"listener", one.listener}, {"file", one.file},
                             {"subject", one.subject},   {"names", strings(one.names)},
                             {"key", one.key_type},      {"expires", base::format_time(one.expires)}};
    if (one.staple_until != base::WallTime::max())
      certificate["staple_until"] = base::format_time(one.staple_until);
    put_if(certificate, "problem", one.problem);
    list.push_back(std::move(certificate));
  }
  return list;
}

json::object status_document(const StatusParts& parts, const Api& api) {
  json::array sites;
  for (const auto& site : parts.status.sites) {
    if (!is_wanted(parts.only, site.name)) continue;
    const auto load = std::find_if(parts.loads.begin(), parts.loads.end(),
                                   [&](const auto& candidate) { return candidate.site == site.id; });
    sites.push_back(site_document(site, load == parts.loads.end() ? nullptr : &*load));
  }
  json::array pools;
  const auto server_load = api.server_load();
  for (const auto& pool : parts.status.pools) {
    const bool used = std::any_of(pool.sites.begin(), pool.sites.end(),
                                  [&](const std::string& site) { return is_wanted(parts.only, site); });
    if (used || parts.only.empty()) pools.push_back(pool_document(pool, api, server_load));
  }
  return {{"version", DRAWBRIDGE_VERSION},
          {"epoch", parts.status.epoch},
          {"now", base::format_time(parts.status.now)},
          {"started_at", base::format_time(parts.status.started_at)},
          {"sites", std::move(sites)},
          {"pools", std::move(pools)},
          {"certificates", certificates_of(parts.status)},
          {"warnings", strings(parts.status.warnings)}};
}

json::object receipt_document(const core::Receipt& receipt) {
  json::object object{{"epoch", receipt.epoch}, {"change", receipt.what}};
  if (core::parse_mode(receipt.what)) object["mode"] = receipt.what;
  object["sites"] = strings(receipt.sites);
  const bool published = !receipt.cutover || !receipt.cutover->dry_run;
  if (published) object["published_at"] = base::format_time(receipt.published_at);
  object["fenced_ms"] = receipt.fenced.count();
  object["drained_ms"] = receipt.drained.count();
  object["drained"] = counts(receipt.ended);
  object["cut"] = requests(receipt.cut);
  object["cut_counts"] = counts(receipt.cut_counts);
  object["unknown"] = requests(receipt.unknown);
  object["unknown_counts"] = counts(receipt.unknown_counts);
  put_unknown(object, "earlier_unknown", receipt.earlier);
  put_if(object, "before_restart", receipt.before_restart);
  object["outstanding"] = requests(receipt.outstanding);
  object["outstanding_counts"] = counts(receipt.outstanding_counts);
  if (receipt.at_server) object["at_server"] = *receipt.at_server;
  object["result"] = core::name(receipt.outcome);
  put_if(object, "warning", receipt.warning);
  put_if(object, "note", receipt.note);
  if (receipt.cutover) object["cutover"] = cutover_document(*receipt.cutover);
  return object;
}

json::object progress_document(const control::Progress& progress) {
  if (progress.cutover) return cutover_progress_document(progress);
  json::object object{{"stage", control::name(progress.stage)},
                      {"epoch", progress.epoch},
                      {"elapsed_ms", progress.elapsed.count()}};
  if (progress.timeout) object["timeout_ms"] = progress.timeout->count();
  if (progress.stage == control::Stage::published) return object;
  if (progress.at_server) object["at_server"] = *progress.at_server;
  object["open"] = counts(progress.open);
  if (!progress.oldest.empty()) object["oldest"] = requests(progress.oldest);
  return object;
}

json::object waited_document(const control::Waited& waited) {
  json::object object{{"reached", waited.reached}, {"waited_ms", waited.waited.count()}};
  if (!waited.reached) object["missing"] = strings(waited.missing);
  put_if(object, "note", waited.note);
  return object;
}

json::object history_document(const std::vector<control::HistoryEntry>& entries) {
  json::array list;
  for (const auto& entry : entries) {
    const bool ended = entry.kind == control::HistoryEntry::Kind::ended;
    json::object object{{"at", base::format_time(entry.at)}, {"kind", ended ? "ended" : "changed"}};
    object["epoch"] = entry.epoch;
    object["change"] = entry.what;
    put_if(object, "user", entry.actor.name);
    if (entry.actor.uid >= 0) object["uid"] = entry.actor.uid;
    if (entry.actor.pid >= 0) object["pid"] = entry.actor.pid;
    put_if(object, "reason", entry.reason);
    put_if(object, "output", entry.output);
    json::array sites;
    json::object before, after;
    for (const auto& site : entry.sites) {
      sites.push_back(json::string(site.name));
      if (!site.before.empty()) before[site.name] = site.before;
      if (!site.after.empty()) after[site.name] = site.after;
    }
    object["sites"] = std::move(sites);
    if (!before.empty()) object["before"] = std::move(before);
    if (!after.empty()) object["after"] = std::move(after);
    if (ended) {
      object["result"] = core::name(entry.outcome);
      object["fenced_ms"] = entry.fenced.count();
      object["drained_ms"] = entry.drained.count();
      object["drained"] = counts(entry.ended);
      object["cut"] = counts(entry.cut);
      if (entry.unknown.total() > 0) object["unknown"] = counts(entry.unknown);
      object["outstanding"] = counts(entry.outstanding);
    }
    put_if(object, "note", entry.note);
    list.push_back(std::move(object));
  }
  return {{"entries", std::move(list)}};
}

json::object doctor_document(const std::vector<Check>& checks) {
  json::array list;
  for (const auto& check : checks) {
    json::object object{{"check", check.check}, {"result", name(check.result)}, {"text", check.text}};
    put_if(object, "advice", check.advice);
    list.push_back(std::move(object));
  }
  return {{"result", name(worst(checks))}, {"checks", std::move(list)}};
}

json::object event_document(const base::Event& event) {
  json::object fields;
  for (const auto& [key, value] : event.fields) fields[key] = value;
  return {{"sequence", event.sequence},
          {"at", base::format_time(event.at)},
          {"severity", base::name(event.severity)},
          {"name", event.name},
          {"fields", std::move(fields)}};
}

}  // namespace drawbridge::admin
