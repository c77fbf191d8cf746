#include "proxy/ctl/wire.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace drawbridge::ctl {

namespace json = boost::json;

namespace {

constexpr base::Millis stream_patience{15'000};  // the daemon says something about once a second
constexpr base::Millis doctor_patience{60'000};
constexpr base::Millis events_patience{60'000};  // a sign of life comes every 15 s
constexpr base::Millis wait_default{24 * 3'600'000};
constexpr base::Millis wait_extra{15'000};

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

void put_if(json::object& object, std::string_view key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

json::array strings(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

WireRequest post(const char* target, const json::object& body) {
  WireRequest request{"POST", target, json::serialize(body), "", {}};
  request.patience = WireRequest{}.patience;
  return request;
}

WireRequest get(std::string target) {
  WireRequest request;
  request.method = "GET";
  request.target = std::move(target);
  return request;
}

WireRequest change(const char* target, json::object body, const Options& options) {
  put_if(body, "reason", options.reason);
  if (options.if_epoch) body["if_epoch"] = *options.if_epoch;
  WireRequest request = post(target, body);
  request.accept = "application/x-ndjson";
  request.patience = stream_patience;
  return request;
}

WireRequest mode_request(const Options& options) {
  json::object body{{"mode", options.mode}};
  if (!options.sites.empty()) body["sites"] = strings(options.sites);
  put_if(body, "for", options.lasts);
  put_if(body, "until", options.until);
  put_if(body, "then", options.then);
  put_if(body, "scope", options.scope);
  put_if(body, "drain", options.drain);
  if (options.cut) body["cut"] = true;
  return change("/v1/mode", std::move(body), options);
}

WireRequest server_request(const Options& options) {
  json::object body{{"pool", options.pool}, {"address", options.address}, {"admin", options.admin}};
  put_if(body, "drain", options.drain);
  if (options.cut) body["cut"] = true;
  return change("/v1/server", std::move(body), options);
}

WireRequest cutover_request(const Options& options) {
  json::object body{{"site", options.sites.front()}};
  put_if(body, "match", options.match);
  put_if(body, "to", options.to);
  put_if(body, "hold", options.hold);
  put_if(body, "drain", options.drain);
  put_if(body, "deadline", options.deadline);
  put_if(body, "check", options.check);
  put_if(body, "then", options.then);
  put_if(body, "watch", options.watch_for);
  put_if(body, "errors_max", options.errors_max);
  if (options.return_on_errors) body["return_on_errors"] = true;
  if (!options.run.empty()) body["run"] = true;
  if (options.cut) body["cut"] = true;
  if (options.dry_run) body["dry_run"] = true;
  if (options.discard_writes) body["discard_writes"] = true;
  return change(options.verb == Verb::rollback ? "/v1/rollback" : "/v1/cutover", std::move(body), options);
}

WireRequest wait_request(const Options& options) {
  json::object body{{"until", options.until}};
  if (!options.sites.empty()) body["sites"] = strings(options.sites);
  put_if(body, "timeout", options.timeout);
  WireRequest request = post("/v1/wait", body);
  request.patience = base::parse_duration(options.timeout).value_or(wait_default) + wait_extra;
  return request;
}

WireRequest explain_request(const Options& options) {
  json::object body{{"method", options.method}, {"url", options.url}};
  if (!options.headers.empty()) body["headers"] = strings(options.headers);
  put_if(body, "from", options.from);
  return post("/v1/explain", body);
}

WireRequest preview_request(const Options& options) {
  json::object body{{"site", options.sites.front()}, {"as", options.form}};
  put_if(body, "mode", options.mode);
  put_if(body, "for", options.lasts);
  put_if(body, "reason", options.reason);
  return post("/v1/pages/preview", body);
}

WireRequest sites_request(std::string target, const Options& options) {
  char separator = '?';
  for (const auto& site : options.sites) {
    target += separator + std::string("site=") + escape(site);
    separator = '&';
  }
  if (options.count > 0) target += fmt::format("{}limit={}", separator, options.count);
  return get(std::move(target));
}

WireRequest events_request(const Options& options) {
  WireRequest request = get(options.has_after ? fmt::format("/v1/events?after={}", options.after) : "/v1/events");
  request.patience = events_patience;
  return request;
}

WireRequest doctor_request() {
  WireRequest request = get("/v1/doctor");
  request.patience = doctor_patience;
  return request;
}

}  // namespace

WireRequest make_request(const Options& options) {
  switch (options.verb) {
    case Verb::status:
      return sites_request("/v1/status", options);
    case Verb::mode:
      return mode_request(options);
    case Verb::wait:
      return wait_request(options);
    case Verb::explain:
      return explain_request(options);
    case Verb::pool_list:
      return get("/v1/pools");
    case Verb::server:
      return server_request(options);
    case Verb::page_preview:
      return preview_request(options);
    case Verb::history: {
      Options wanted = options;
      // A change and its end are two entries of which people see one line; several ends may stand before it.
      if (!options.json) wanted.count = 0;
      return sites_request("/v1/history", wanted);
    }
    case Verb::events:
      return events_request(options);
    case Verb::reload:
      return change("/v1/reload", {}, options);
    case Verb::cutover:
    case Verb::rollback:
      return cutover_request(options);
    case Verb::abort:
      return post("/v1/cutover/abort", {{"site", options.sites.front()}, {"now", options.now}});
    case Verb::doctor:
      return doctor_request();
    case Verb::version:
    case Verb::help:
      return get("/v1/version");
  }
  return get("/v1/version");
}

}  // namespace drawbridge::ctl
