#include "proxy/base/check.h"
#include "proxy/core/classify.h"
#include "proxy/core/plan.h"
#include "proxy/core/readings.h"

namespace drawbridge::core {
namespace {

struct Routed {
  Verdict verdict = Verdict::forward;  // or no_site, ambiguous
  RouteTable::Match match;
};

// A path that other servers may read as one of another site's must not slip past that site's mode.
Routed route(const RouteTable& routes, std::string_view host, const Readings& readings) {
  const auto match = routes.find(host, readings.normal());
  for (const auto reading : readings.all().subspan(1)) {
    if (routes.find(host, reading).site != match.site) return {.verdict = Verdict::ambiguous, .match = {}};
  }
  if (match.site == RouteTable::Match::none) return {.verdict = Verdict::no_site, .match = {}};
  return {.verdict = Verdict::forward, .match = match};
}

Verdict in_mode(const ModeState& state, RequestClass request_class, bool read_tunnel) {
  const bool reads = request_class == RequestClass::read || read_tunnel;
  switch (state.mode) {
    case Mode::live:
      return Verdict::forward;
    case Mode::readonly:
      return reads ? Verdict::forward : Verdict::refuse;
    case Mode::hold:
      return reads && state.scope == HoldScope::writes ? Verdict::forward : Verdict::park;
    case Mode::maintenance:
      return Verdict::refuse;
  }
  return Verdict::refuse;
}

// Of a request that the site's mode lets through to one of several pools.
void place(const Split& split, const RequestFacts& facts, const Readings& readings, const Classification& found,
           Plan& plan) {
  const auto doubt = [&](const Slice* slice) {
    plan.verdict = Verdict::ambiguous;
    plan.why = Why::ambiguous_slice;
    plan.slice = slice;
    plan.pool = nullptr;
  };
  const auto now = split.now->find(facts, readings);
  if (now.doubtful != nullptr) return doubt(now.doubtful);
  plan.slice = now.slice;
  plan.pool = now.slice == nullptr ? plan.site->pool
                                   : split.pools[static_cast<std::size_t>(now.slice - split.now->slices.data())];
  if (!split.move) return;
  const auto next = split.move->to->find(facts, readings);
  if (next.doubtful != nullptr) return doubt(next.doubtful);
  if (plan.exempt || next.pool == now.pool) return;
  plan.verdict = in_mode(split.move->hold, found.request_class, found.read_tunnel);
  if (plan.verdict != Verdict::forward) plan.pool = nullptr;
}

}  // namespace

Plan decide(const Snapshot& snapshot, const RequestFacts& facts) {
  Plan plan;
  const Readings readings(facts.path);
  const auto routed = route(snapshot.routes, facts.host, readings);
  plan.verdict = routed.verdict;
  plan.why = routed.verdict == Verdict::ambiguous ? Why::ambiguous_path : Why::no_site;
  if (routed.verdict != Verdict::forward) return plan;

  DRAWBRIDGE_CHECK(routed.match.site < snapshot.sites.size());
  const auto& site = *snapshot.sites[routed.match.site];
  const auto found = classify(site.rules, facts, readings);
  plan.site = &site;
  plan.prefix_bytes = routed.match.prefix_bytes;
  plan.request_class = found.request_class;
  plan.exempt = found.exempt != nullptr;
  plan.why = plan.exempt ? Why::exempt_rule : found.why;
  plan.rule = plan.exempt ? found.exempt : found.rule;
  plan.told_to_go = found.request_class == RequestClass::tunnel && !found.read_tunnel && !plan.exempt;

  if (!facts.secure && site.https_port != 0 && !plan.exempt) {
    plan.verdict = Verdict::redirect;
    return plan;
  }
  // Whose certificate is wanted is no matter of the mode: `exempt` lets nobody in.
  if (site.wants_certificate && !facts.certified) {
    plan.verdict = facts.other_name ? Verdict::misdirected : Verdict::no_certificate;
    return plan;
  }
  if (!plan.exempt) plan.verdict = in_mode(site.mode, found.request_class, found.read_tunnel);
  if (plan.verdict == Verdict::refuse && site.mode.mode == Mode::maintenance && site.notice != nullptr) {
    plan.verdict = Verdict::forward;
    plan.pool = site.notice;
    plan.notice = true;
  } else if (plan.verdict == Verdict::forward) {
    plan.pool = site.pool;
    if (site.split) place(*site.split, facts, readings, found, plan);
  }
  return plan;
}

// What went to the notice pool was never on a pool of the placement.
bool moves(const Plan& plan, const RequestFacts& facts, const Placement& to) {
  if (plan.pool == nullptr || plan.notice) return false;
  const auto found = to.find(facts, Readings(facts.path));
  return found.doubtful != nullptr || found.pool != plan.pool->id;
}

const AnswerSet* answers_of(const Plan& plan) {
  const auto& site = *plan.site;
  const bool held = plan.verdict == Verdict::park && site.split && site.split->move;
  return held ? site.split->move->answers.get() : site.answers.get();
}

}  // namespace drawbridge::core
