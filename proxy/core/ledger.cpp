#include "proxy/core/ledger.h"

#include "proxy/base/check.h"

#include <algorithm>
#include <utility>

namespace drawbridge::core {

using base::limits::listed_requests_max;

bool Admission::Owner::moves(const Placement&) const {
  return true;
}

bool Admission::Owner::is_at(ServerId) const {
  return true;
}

bool Admission::Owner::untouched() const {
  return false;
}

namespace {

// A path that has become ambiguous may be any site's; one that no site claims any more stays where it was.
Standing standing_under(const Snapshot& snapshot, const RequestFacts& facts, const Standing& admitted) {
  const auto plan = decide(snapshot, facts);
  if (plan.verdict == Verdict::ambiguous) {
    const bool tunnel = admitted.request_class == RequestClass::tunnel;
    return {.any_site = true, .request_class = tunnel ? RequestClass::tunnel : RequestClass::write};
  }
  if (plan.site == nullptr) return admitted;
  return {.site = plan.site->id,
          .any_site = false,
          .request_class = plan.request_class,
          .exempt = plan.exempt,
          .read_tunnel = plan.request_class == RequestClass::tunnel && !plan.told_to_go};
}

}  // namespace

void Admission::leave() {
  if (ledger_ != nullptr) ledger_->leave(*this);
}

Ledger::Ledger(Listener& listener) : listener_(listener), open_(base::limits::sites_max) {}

Ledger::~Ledger() {
  while (first_ != nullptr) unlink(*first_);
}

void Ledger::enter(Admission& admission, const Entry& entry) {
  DRAWBRIDGE_CHECK(admission.ledger_ == nullptr);
  DRAWBRIDGE_CHECK(entry.site < open_.size() && entry.owner != nullptr);
  DRAWBRIDGE_CHECK(entry.epoch >= fenced_ && (last_ == nullptr || entry.epoch >= last_->epoch_));
  admission.ledger_ = this;
  admission.owner_ = entry.owner;
  admission.epoch_ = entry.epoch;
  admission.admitted_ = {.site = entry.site,
                         .any_site = false,
                         .request_class = entry.request_class,
                         .exempt = entry.exempt,
                         .read_tunnel = entry.read_tunnel};
  admission.now_ = admission.admitted_;
  admission.answered_ = entry.answered;
  admission.told_ = admission.cut_ = admission.untouched_ = admission.unknown_ = false;
  admission.marks_ = 0;
  admission.since_ = entry.since;
  admission.id_ = entry.id;
  admission.facts_ = entry.facts;
  admission.site_name_ = entry.site_name;

  admission.next_ = nullptr;
  admission.previous_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = &admission;
  last_ = &admission;
  if (entry.answered) return;
  ++open_[entry.site][entry.request_class];
  ++total_;
}

void Ledger::unlink(Admission& admission) {
  for (auto* cursor = cursors_; cursor != nullptr; cursor = cursor->outer) {
    if (cursor->next == &admission) cursor->next = admission.next_;
  }
  (admission.previous_ != nullptr ? admission.previous_->next_ : first_) = admission.next_;
  (admission.next_ != nullptr ? admission.next_->previous_ : last_) = admission.previous_;
  admission.previous_ = admission.next_ = nullptr;
  admission.ledger_ = nullptr;
}

void Admission::outcome_unknown(base::SteadyTime now, std::string_view server) {
  unknown_ = true;
  unknown_at_ = now;
  unknown_server_ = server;
}

void Ledger::leave(Admission& admission) {
  const bool was_first = first_ == &admission;
  unlink(admission);
  if (admission.unknown_) {
    auto unknown = describe_unknown(admission, admission.request_class());
    unknown_writes_.add(admission.admitted_.site, std::move(unknown), admission.unknown_at_);
  }
  if (!admission.answered_) {
    --open_[admission.admitted_.site][admission.admitted_.request_class];
    --total_;
  }
  for (auto& watch : watches_) {
    const auto* standing = meant(watch, admission);
    if (standing == nullptr) continue;
    --watch.left[standing->request_class];
    ++watch.ended[standing->request_class];
    const bool listed = admission.cut_ && admission.cut_by_ == watch.id;
    if (admission.unknown_ && !listed)
      listener_.ended_unknown(watch.id, describe_unknown(admission, standing->request_class));
  }
  // The listener may call us again, so it is told last, when the books are in order.
  if (!watches_.empty()) report_drained();
  if (was_first) report_epochs();
}

bool Ledger::meant(const DrainScope& scope, const Standing& standing) {
  return (scope.exempt_too || !standing.exempt) && scope.classes.has(standing.request_class) &&
         !(scope.spare_read_tunnels && standing.read_tunnel) &&
         (standing.any_site || std::binary_search(scope.sites.begin(), scope.sites.end(), standing.site));
}

const Standing* Ledger::meant(const Watch& watch, const Admission& admission) {
  const auto& scope = watch.scope;
  if (admission.epoch_ >= scope.epoch || admission.answered_) return nullptr;
  if (watch.mark != 0 && (admission.marks_ & watch.mark) == 0) return nullptr;
  if (meant(scope, admission.admitted_)) return &admission.admitted_;
  return meant(scope, admission.now_) ? &admission.now_ : nullptr;
}

// Marks what a drain of moved requests, or of those at a server, may mean: once and whatever its site. A request
// does not change its pool while it is in flight, but a reload may change its site. With no bit to spare the drain
// means more than it needs to, and never less.
std::uint32_t Ledger::mark(const DrainScope& scope) {
  std::uint32_t used = 0;
  for (const auto& watch : watches_) used |= watch.mark;
  const auto bit = ~used & (used + 1);
  for (auto* at = first_; bit != 0 && at != nullptr && at->epoch_ < scope.epoch; at = at->next_) {
    at->marks_ &= ~bit;
    if (at->answered_) continue;
    const bool meant = scope.at_server ? at->owner_->is_at(*scope.at_server) : at->owner_->moves(*scope.moved_by);
    if (meant) at->marks_ |= bit;
  }
  return bit;
}

// Calls `visit` for each admission that is meant, oldest first, whatever leaves meanwhile. `watch` must be a copy
// if the visitor calls out: a drain that ends takes its watch along.
template <class Visit>
void Ledger::visit(const Watch& watch, Visit&& visit) {
  Cursor cursor{.next = first_, .outer = cursors_};
  cursors_ = &cursor;
  while (cursor.next != nullptr && cursor.next->epoch_ < watch.scope.epoch) {
    auto& admission = *std::exchange(cursor.next, cursor.next->next_);
    if (meant(watch, admission) != nullptr) visit(admission);
  }
  cursors_ = cursor.outer;
}

ClassCounts Ledger::fence(std::uint64_t drain_id, const DrainScope& scope) {
  DRAWBRIDGE_CHECK(find(drain_id) == nullptr);
  Watch watch{.id = drain_id, .scope = scope, .mark = 0, .left = {}, .ended = {}};
  std::sort(watch.scope.sites.begin(), watch.scope.sites.end());
  fenced_ = std::max(fenced_, scope.epoch);
  if (watch.scope.marks()) watch.mark = mark(watch.scope);
  watch.left = count(watch);
  const auto open = watch.left;
  watches_.push_back(std::move(watch));
  report_drained();
  return open;
}

ClassCounts Ledger::count(const Watch& watch) const {
  ClassCounts counts;
  for (const auto* at = first_; at != nullptr && at->epoch_ < watch.scope.epoch; at = at->next_) {
    if (const auto* standing = meant(watch, *at); standing != nullptr) ++counts[standing->request_class];
  }
  return counts;
}

void Ledger::report_drained() {
  for (;;) {
    const auto done =
        std::find_if(watches_.begin(), watches_.end(), [](const Watch& watch) { return watch.left.total() == 0; });
    if (done == watches_.end()) return;
    const auto id = done->id;
    const auto ended = done->ended;
    watches_.erase(done);
    listener_.drained(id, ended);
  }
}

OpenList Ledger::cut(std::uint64_t drain_id, base::SteadyTime now, bool tunnels_only) {
  OpenList listed;
  const auto* found = find(drain_id);
  if (found == nullptr) return listed;
  const auto watch = *found;
  visit(watch, [&](Admission& admission) {
    if (tunnels_only && admission.request_class() != RequestClass::tunnel) return;
    if (admission.cut_ && admission.cut_by_ == drain_id) return;
    if (!admission.cut_) admission.untouched_ = admission.owner_->untouched();
    if (admission.untouched_) {
      ++listed.untouched[meant(watch, admission)->request_class];
    } else {
      add(listed, watch, admission, now);
    }
    admission.cut_by_ = drain_id;
    if (!std::exchange(admission.cut_, true)) admission.owner_->cut();
  });
  return listed;
}

OpenList Ledger::outstanding(std::uint64_t drain_id, base::SteadyTime now) const {
  OpenList listed;
  const auto* watch = find(drain_id);
  if (watch == nullptr) return listed;
  for (const auto* at = first_; at != nullptr && at->epoch_ < watch->scope.epoch; at = at->next_) {
    if (meant(*watch, *at) == nullptr || (at->cut_ && at->cut_by_ == drain_id)) continue;
    add(listed, *watch, *at, now);
  }
  return listed;
}

ClassCounts Ledger::left(std::uint64_t drain_id) const {
  const auto* watch = find(drain_id);
  return watch != nullptr ? watch->left : ClassCounts{};
}

void Ledger::tell_tunnels(std::uint64_t drain_id, base::SteadyTime now, base::Millis spread) {
  const auto* found = find(drain_id);
  if (found == nullptr) return;
  const auto watch = *found;
  const auto to_tell = [](const Admission& admission) {
    return admission.request_class() == RequestClass::tunnel && !admission.told_;
  };
  std::int64_t count = 0;
  visit(watch, [&](Admission& admission) { count += to_tell(admission) ? 1 : 0; });
  if (count == 0) return;
  auto at = now;
  const auto step = std::chrono::nanoseconds(spread) / count;
  visit(watch, [&](Admission& admission) {
    if (!to_tell(admission)) return;
    admission.told_ = true;
    admission.owner_->told_to_go(std::exchange(at, at + step));
  });
}

void Ledger::forget(std::uint64_t drain_id) {
  std::erase_if(watches_, [&](const Watch& watch) { return watch.id == drain_id; });
}

ClassCounts Ledger::in_flight(SiteId site) const {
  return site < open_.size() ? open_[site] : ClassCounts{};
}

std::vector<OpenRequest> Ledger::oldest(SiteId site, RequestClass request_class, base::SteadyTime now,
                                        std::size_t count_max) const {
  std::vector<OpenRequest> listed;
  for (const auto* at = first_; at != nullptr && listed.size() < count_max; at = at->next_) {
    const auto& standing = at->admitted_;
    if (standing.site != site || standing.request_class != request_class || at->answered_) continue;
    listed.push_back(describe(*at, request_class, now));
  }
  return listed;
}

// In the order of admission, which is not that of age: who waited in a hold is older than who came after it.
std::optional<base::SteadyTime> Ledger::oldest_request() const {
  std::optional<base::SteadyTime> oldest;
  for (const auto* at = first_; at != nullptr; at = at->next_) {
    if (at->answered_ || at->admitted_.request_class == RequestClass::tunnel) continue;
    if (!oldest || at->since_ < *oldest) oldest = at->since_;
  }
  return oldest;
}

void Ledger::end_old(base::SteadyTime before) {
  Cursor cursor{.next = first_, .outer = cursors_};
  cursors_ = &cursor;
  while (cursor.next != nullptr) {
    auto& admission = *std::exchange(cursor.next, cursor.next->next_);
    if (admission.answered_ || admission.owner_ == nullptr) continue;
    const bool tunnel = admission.admitted_.request_class == RequestClass::tunnel;
    if (tunnel || admission.since_ < before) admission.owner_->cut();
  }
  cursors_ = cursor.outer;
}

void Ledger::add(OpenList& list, const Watch& watch, const Admission& admission, base::SteadyTime now) {
  const auto request_class = meant(watch, admission)->request_class;
  ++list.counts[request_class];
  if (list.requests.size() < listed_requests_max) list.requests.push_back(describe(admission, request_class, now));
}

OpenRequest Ledger::describe(const Admission& admission, RequestClass request_class, base::SteadyTime now) {
  return {.request_id = std::string(admission.id_),
          .site = admission.site_name_ != nullptr ? *admission.site_name_ : std::string{},
          .request_class = request_class,
          .method = std::string(admission.facts_.method),
          .path = std::string(admission.facts_.path.substr(0, base::limits::shown_path_bytes_max)),
          .age = std::max(base::Millis{0}, std::chrono::duration_cast<base::Millis>(now - admission.since_))};
}

OpenRequest Ledger::describe_unknown(const Admission& admission, RequestClass request_class) {
  auto request = describe(admission, request_class, admission.unknown_at_);
  request.server = admission.unknown_server_;
  return request;
}

void Ledger::published(const Snapshot& snapshot) {
  published_ = std::max(published_, snapshot.epoch);
  if (std::exchange(rules_, std::max(rules_, snapshot.rules_epoch)) < snapshot.rules_epoch) judge_anew(snapshot);
  report_epochs();
}

// Drains that run are counted anew: by these rules they may mean more, or less, than by those they began under.
void Ledger::judge_anew(const Snapshot& snapshot) {
  for (auto* at = first_; at != nullptr && at->epoch_ < snapshot.rules_epoch; at = at->next_) {
    if (!at->answered_) at->now_ = standing_under(snapshot, at->facts_, at->admitted_);
  }
  for (auto& watch : watches_) watch.left = count(watch);
  report_drained();
}

// The list is in the order of epochs, so the first admission has the oldest epoch still in use.
void Ledger::report_epochs() {
  const auto in_use = first_ != nullptr ? std::min(first_->epoch_, published_) : published_;
  if (in_use <= reported_) return;
  reported_ = in_use;
  listener_.epochs_below_ended(in_use);
}

const Ledger::Watch* Ledger::find(std::uint64_t drain_id) const {
  const auto at = std::find_if(watches_.begin(), watches_.end(), [&](const Watch& w) { return w.id == drain_id; });
  return at != watches_.end() ? &*at : nullptr;
}

}  // namespace drawbridge::core
