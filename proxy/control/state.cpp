#include "proxy/control/state.h"

namespace drawbridge::control {
namespace {

bool holds(const SiteState& site) {
  if (!site.cutover || site.cutover->after || core::has_flipped(site.cutover->stage)) return false;
  switch (site.mode.mode) {
    case core::Mode::live:
    case core::Mode::hold:
      return true;
    case core::Mode::readonly:
      return site.cutover->scope == core::HoldScope::all;
    case core::Mode::maintenance:
      return false;
  }
  return false;
}

}  // namespace

core::ModeState shown_mode(const SiteState& site) {
  return holds(site) ? hold_of(site) : site.mode;
}

core::ModeState hold_of(const SiteState& site) {
  const auto& cutover = *site.cutover;
  core::ModeState mode;
  mode.mode = core::Mode::hold;
  mode.scope = cutover.scope;
  mode.since = site.mode.mode == core::Mode::hold ? site.mode.since : cutover.since;
  mode.until = cutover.deadline;
  mode.then = site.mode.mode;
  mode.reason = site.mode.reason;
  mode.by = cutover.by;
  return mode;
}

}  // namespace drawbridge::control
