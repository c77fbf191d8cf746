#include "proxy/control/drain.h"

#include "proxy/base/limits.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace drawbridge::control {
namespace {

using core::ClassCounts;

// Never below zero: counts of several workers are taken at slightly different times.
ClassCounts without(ClassCounts counts, const ClassCounts& taken) {
  for (std::size_t i = 0; i < counts.by_class.size(); ++i) {
    counts.by_class[i] -= std::min(counts.by_class[i], taken.by_class[i]);
  }
  return counts;
}

}  // namespace

Drain::Drain(core::Receipt receipt, base::SteadyTime published, bool waits, bool cut)
    : receipt_(std::move(receipt)), published_(published), waits_(waits), cut_(cut) {}

base::Millis Drain::elapsed(base::SteadyTime now) const {
  return std::chrono::duration_cast<base::Millis>(now - published_);
}

Drain::Action Drain::on_fenced(const ClassCounts& open, base::SteadyTime passed) {
  if (state_ != State::fencing) return Action::none;
  state_ = State::waiting;
  open_ = open;
  receipt_.fenced = elapsed(passed);
  if (!waits_) return finish(passed);
  return deadline_passed_ ? on_deadline(passed) : Action::none;
}

Drain::Action Drain::on_drained(const ClassCounts& ended, base::SteadyTime now) {
  drained_ = true;
  ended_ = ended;
  // While a cut or a list is on its way, its answer says what to name: it decides.
  return state_ == State::waiting || state_ == State::departing ? finish(now) : Action::none;
}

void Drain::on_unknown(const core::OpenRequest& request) {
  if (state_ == State::over) return;
  ++receipt_.unknown_counts[request.request_class];
  if (receipt_.unknown.size() < base::limits::listed_requests_max) receipt_.unknown.push_back(request);
}

Drain::Action Drain::on_deadline(base::SteadyTime) {
  deadline_passed_ = true;
  // Before the fence has passed nothing can be said of what is open: on_fenced comes back here.
  if (state_ != State::waiting) return Action::none;
  state_ = State::cutting;
  return cut_ ? Action::cut_all : Action::cut_tunnels;
}

Drain::Action Drain::on_tunnels_late() {
  if (state_ != State::waiting) return Action::none;
  state_ = State::cutting_tunnels;
  return Action::cut_tunnels;
}

Drain::Action Drain::on_cut(Workers::OpenList cut, base::SteadyTime now) {
  const bool early = state_ == State::cutting_tunnels;
  if (!early && state_ != State::cutting) return Action::none;
  receipt_.cut_counts += cut.counts;
  untouched_ += cut.untouched;
  std::ranges::move(cut.requests, std::back_inserter(receipt_.cut));
  if (early) {
    state_ = State::waiting;
    if (drained_) return finish(now);
    return deadline_passed_ ? on_deadline(now) : Action::none;
  }
  if (drained_ || cut_) return depart(now);
  state_ = State::listing;
  return Action::list;
}

// Tunnels were all cut a moment ago: one that is still leaving is in that list, not in this one.
Drain::Action Drain::on_listed(Workers::OpenList open, base::SteadyTime now) {
  if (state_ != State::listing) return Action::none;
  if (drained_ || open.counts.total() == 0) return depart(now);
  receipt_.outstanding_counts = open.counts;
  receipt_.outstanding = std::move(open.requests);
  return finish(now);
}

Drain::Action Drain::depart(base::SteadyTime now) {
  if (drained_) return finish(now);
  state_ = State::departing;
  return Action::await_departure;
}

Drain::Action Drain::on_grace_over(base::SteadyTime now) {
  return state_ == State::departing ? finish(now) : Action::none;
}

Drain::Action Drain::on_superseded(const std::string& note, bool whole, base::SteadyTime now) {
  if (state_ == State::over) return Action::none;
  if (!receipt_.note.empty()) receipt_.note += "; ";
  receipt_.note += note;
  // Once the deadline has passed the receipt is a moment away, and it may have cut requests to name.
  return whole && (state_ == State::fencing || state_ == State::waiting) ? finish(now) : Action::none;
}

Drain::Action Drain::finish(base::SteadyTime now) {
  state_ = State::over;
  if (waits_) receipt_.drained = elapsed(now);
  const bool superseded = !receipt_.note.empty();
  const bool unaccounted =
      receipt_.outstanding_counts.total() + receipt_.cut_counts.total() + untouched_.total() == 0;
  if (drained_) {
    receipt_.ended = without(without(ended_, receipt_.cut_counts), receipt_.unknown_counts);
  } else if (!superseded) {
    receipt_.ended =
        without(without(without(open_, receipt_.outstanding_counts), receipt_.cut_counts), receipt_.unknown_counts);
  }
  if (superseded) {
    receipt_.outcome = core::Outcome::superseded;
  } else if (receipt_.outstanding_counts.total() > 0 || (waits_ && !drained_ && unaccounted)) {
    receipt_.outcome = core::Outcome::outstanding;
  } else if (receipt_.unknown_counts.total() > 0 && !cut_) {
    receipt_.outcome = core::Outcome::unknown;
  } else if (receipt_.cut_counts.total() + receipt_.unknown_counts.total() > 0) {
    receipt_.outcome = core::Outcome::cut;
  }
  return Action::finish;
}

}  // namespace drawbridge::control
