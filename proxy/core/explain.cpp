#include "proxy/core/explain.h"

#include "proxy/core/classify.h"
#include "proxy/core/readings.h"
#include "proxy/core/speech.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::core {
namespace {

std::string class_sentence(const RequestFacts& facts, const Classification& found) {
  const auto rule = found.rule != nullptr ? std::string_view(found.rule->text()) : std::string_view{};
  const auto because = [&]() -> std::string {
    switch (found.why) {
      case Why::write_rule:
        return fmt::format("the write rule \"{}\" names it", rule);
      case Why::read_rule:
        return fmt::format("the read rule \"{}\" names it", rule);
      case Why::method_override:
        return "an override asks for another method than the request line";
      case Why::upgrade:
        return "it asks for an upgrade and no read rule names it";
      case Why::method:
      case Why::exempt_rule:
      case Why::no_site:
      case Why::ambiguous_path:
      case Why::ambiguous_slice:
        break;
    }
    const bool read = found.request_class == RequestClass::read;
    return fmt::format("{} is {}", facts.method, read ? "read by definition" : "not GET, HEAD or OPTIONS");
  }();
  const bool counts_as_read = found.request_class == RequestClass::tunnel && found.read_tunnel;
  return fmt::format("A {}{}, because {}.", name(found.request_class),
                     counts_as_read ? " that counts as a read" : "", because);
}

std::string verdict_sentence(const Plan& plan) {
  switch (plan.verdict) {
    case Verdict::forward:
      if (plan.exempt) {
        return fmt::format("Forwarded to pool {}, because the exempt rule \"{}\" names it.", plan.pool->name,
                           plan.rule->text());
      }
      if (plan.slice != nullptr) {
        return fmt::format("Forwarded to pool {}, because it is of the slice \"{}\".", plan.pool->name,
                           plan.slice->match.text());
      }
      return fmt::format("Forwarded to {}pool {}.", plan.notice ? "the notice " : "", plan.pool->name);
    case Verdict::refuse:
      return fmt::format("Refused by mode {}: no server sees it.", name(plan.site->mode.mode));
    case Verdict::park:
      return "Waits for the end of the hold, then is decided again.";
    case Verdict::no_site:
      return "Answered 404: no site claims this host and path.";
    case Verdict::ambiguous:
      if (plan.slice != nullptr) {
        return fmt::format(
            "Answered 400: servers may take it for one of the slice \"{}\", which is on another pool, or not.",
            plan.slice->match.text());
      }
      return "Answered 400: servers may read this path as one of another site.";
    case Verdict::redirect:
      return "Sent to the same address under https: the site is not served without TLS.";
    case Verdict::no_certificate:
      return "Answered 403: the site wants a client certificate.";
    case Verdict::misdirected:
      return "Answered 421: the site wants a client certificate, and the connection is another host's.";
  }
  return {};
}

// As serve/own_answer has it: only who looks may be sent elsewhere by a status that changes the method.
unsigned own_status(Verdict verdict, std::string_view method) {
  switch (verdict) {
    case Verdict::forward:
    case Verdict::park:
      return 0;
    case Verdict::refuse:
      return 503;
    case Verdict::no_site:
      return 404;
    case Verdict::ambiguous:
      return 400;
    case Verdict::redirect:
      return method == "GET" || method == "HEAD" ? 301 : 308;
    case Verdict::no_certificate:
      return 403;
    case Verdict::misdirected:
      return 421;
  }
  return 0;
}

std::string https_address(const SiteView& site, const RequestFacts& facts) {
  const auto port = site.https_port == 443 ? std::string() : fmt::format(":{}", site.https_port);
  const auto path = facts.path == "*" ? std::string_view{} : std::string_view(facts.path);
  return fmt::format("https://{}{}{}{}{}", facts.host, port, path, facts.query.empty() ? "" : "?", facts.query);
}

// What is asked of a request before the mode is.
void explain_door(const SiteView& site, const RequestFacts& facts, Explanation& out) {
  if (out.verdict == Verdict::redirect && !facts.host.empty()) out.location = https_address(site, facts);
  if (out.verdict == Verdict::redirect && facts.host.empty()) out.status = 400;
  if (facts.secure) out.strict_transport = site.strict_transport;
  if (!out.location.empty()) out.sentence += fmt::format(" It is {}.", out.location);
  if (site.wants_certificate && facts.certified && out.verdict != Verdict::redirect) {
    out.sentence += " Only from clients that show a certificate: who shows none is answered 403.";
  }
  if (!out.strict_transport.empty()) {
    out.sentence += fmt::format(" The answer says Strict-Transport-Security: {}.", out.strict_transport);
  }
}

bool counts_clients(const Placement& placement) {
  return std::any_of(placement.slices.begin(), placement.slices.end(),
                     [](const Slice& slice) { return slice.match.kind() == SliceMatch::Kind::percent; });
}

bool counts_clients(const Split& split) {
  return counts_clients(*split.now) || (split.move && counts_clients(*split.move->to));
}

}  // namespace

Explanation explain(const Snapshot& snapshot, const RequestFacts& facts) {
  const auto plan = decide(snapshot, facts);
  const Readings readings(facts.path);
  Explanation out;
  out.verdict = plan.verdict;
  out.why = plan.why;
  out.status = own_status(plan.verdict, facts.method);
  out.normal_form = readings.normal();
  out.readings.assign(readings.all().begin(), readings.all().end());
  if (readings.unjudgeable()) out.doubt = name(readings.doubt());
  if (plan.site != nullptr) {
    const auto found = classify(plan.site->rules, facts, readings);
    out.site = plan.site->name;
    out.mode = plan.site->mode.mode;
    out.request_class = plan.request_class;
    out.class_why = found.why;
    out.rule = plan.rule != nullptr ? plan.rule->text() : std::string{};
    out.notice = plan.notice;
    out.sentence = class_sentence(facts, found) + " ";
  }
  if (plan.pool != nullptr) {
    out.pool = plan.pool->name;
    out.speaks = speech(*plan.pool);
  }
  if (plan.slice != nullptr) out.slice = plan.slice->match.text();
  out.sentence += verdict_sentence(plan);
  if (plan.site != nullptr) explain_door(*plan.site, facts, out);
  if (plan.site != nullptr && plan.site->split && facts.client == nullptr && counts_clients(*plan.site->split)) {
    out.sentence += " A percentage is of clients, and no address was given to count by: --from ADDRESS does.";
  }
  const bool has_permissions =
      plan.site != nullptr && !(plan.site->rules.read.empty() && plan.site->rules.exempt.empty());
  if (has_permissions && readings.unjudgeable()) {
    out.sentence += fmt::format(" Read rules do not speak of this path: {}.", out.doubt);
  }
  return out;
}

}  // namespace drawbridge::core
