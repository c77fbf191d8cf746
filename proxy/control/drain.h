#pragma once

#include "proxy/base/time.h"
#include "proxy/control/workers.h"
#include "proxy/core/ledger.h"
#include "proxy/core/receipt.h"

#include <cstdint>
#include <string>
#include <utility>

namespace drawbridge::control {

// From the fence of one change to its receipt, as a machine over plain values: each event returns what to do next.
//
//   fencing ─fenced→ waiting ─────────────drained──────────────────────────→ over
//                       │  ↑└tunnels late→ cutting_tunnels┐
//                       │  └──────────────────────────────┘
//                       └deadline→ cutting ─→ listing ─→ departing ─drained→ over
//
// At the deadline `cut` ends everything that is left, otherwise only tunnels, which have no end of their own; the
// rest is listed. What was cut gets a moment to leave, so that a receipt without outstanding requests finds an
// empty ledger; it is named in the receipt whether it left in time or not.
class Drain {
 public:
  enum class Action : std::uint8_t {
    none,
    cut_all,          // Workers::cut, then on_cut
    cut_tunnels,      // likewise, tunnels only
    list,             // Workers::list_open, then on_listed
    await_departure,  // on_grace_over after departure_grace
    finish,           // the receipt is complete
  };
  static constexpr base::Millis departure_grace{1'000};

  // `waits`: false if nothing has to end (live), only the fence counts.
  Drain(core::Receipt receipt, base::SteadyTime published, bool waits, bool cut);

  Action on_fenced(const core::ClassCounts& open, base::SteadyTime passed);
  Action on_drained(const core::ClassCounts& ended, base::SteadyTime now);
  // Before on_fenced: such writes that had ended before the fence.
  void on_earlier(core::UnknownWrites earlier) { receipt_.earlier = std::move(earlier); }
  // A write has ended and nobody knows what it did. It is named, and spoils the promise unless `cut` was asked for.
  void on_unknown(const core::OpenRequest& request);
  Action on_deadline(base::SteadyTime now);
  // Tunnels that are still open must not be waited for any longer; the rest may be.
  Action on_tunnels_late();
  Action on_cut(Workers::OpenList cut, base::SteadyTime now);
  Action on_listed(Workers::OpenList open, base::SteadyTime now);
  Action on_grace_over(base::SteadyTime now);
  // A later change took this one's guarantee from some of its sites; `whole`: from all of them.
  Action on_superseded(const std::string& note, bool whole, base::SteadyTime now);

  bool is_over() const { return state_ == State::over; }
  bool is_fenced() const { return state_ != State::fencing; }
  // Nothing that the fence was about is left. May become true after is_over().
  bool has_drained() const { return drained_ || !waits_; }
  // Of what the fence was about when it passed; what had ended by itself by now is not subtracted.
  const core::ClassCounts& open_at_fence() const { return open_; }
  const core::Receipt& receipt() const { return receipt_; }

 private:
  enum class State : std::uint8_t { fencing, waiting, cutting_tunnels, cutting, listing, departing, over };

  base::Millis elapsed(base::SteadyTime now) const;
  Action depart(base::SteadyTime now);
  Action finish(base::SteadyTime now);

  core::Receipt receipt_;
  base::SteadyTime published_;
  bool waits_;
  bool cut_;
  State state_ = State::fencing;
  bool deadline_passed_ = false;
  bool drained_ = false;
  core::ClassCounts open_;
  core::ClassCounts ended_;
  core::ClassCounts untouched_;  // cut before any server saw them: they have ended like others
};

}  // namespace drawbridge::control
