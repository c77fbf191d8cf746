#include "proxy/control/file_notes.h"

#include "proxy/control/reconcile.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

namespace drawbridge::control {
namespace {

constexpr std::size_t sentences_max = 5;

std::string reason_of(const Refusal& refusal) {
  if (refusal.problems.empty()) return refusal.message;
  const auto& first = refusal.problems.front();
  auto text = first.line == 0 ? fmt::format("{}: {}", first.file, first.message)
                              : fmt::format("{}:{}: {}", first.file, first.line, first.message);
  if (refusal.problems.size() > 1) text += fmt::format(" (and {} more)", refusal.problems.size() - 1);
  return text + "; proxyd would not start with it";
}

bool is_pool_edited(const config::Site& site, const SiteState& state) {
  return state.file_word && site.pool != state.file_word->pool && site.pool != state.pool;
}

bool is_mode_edited(const config::Site& site, const SiteState& state) {
  const auto mode = initial_mode(site.mode);
  return state.file_word && mode != state.file_word->mode && mode != state.mode.mode;
}

void tell_edits(const config::Site& site, const SiteState& state, std::vector<std::string>& found) {
  if (is_pool_edited(site, state)) {
    found.push_back(
        fmt::format("the file says pool {0} for {1}, which stays on {2}: `proxyctl cutover {1} --to {0}` moves it",
                    site.pool, site.name, state.pool));
  }
  if (is_mode_edited(site, state)) {
    found.push_back(fmt::format(
        "the file says mode {0} for {1}, which stays {2} as since {3}: `proxyctl mode {0} {1}` changes it",
        core::name(initial_mode(site.mode)), site.name, core::name(state.mode.mode),
        base::format_time(state.mode.since)));
  }
}

}  // namespace

void follow_file(State& state, const config::Config& config) {
  for (const auto& site : config.sites) {
    auto& known = state.sites.at(site.name);
    const bool pool_edited = is_pool_edited(site, known);
    const bool mode_edited = is_mode_edited(site, known);
    if (!known.file_word) known.file_word.emplace();
    if (!pool_edited) known.file_word->pool = site.pool;
    if (!mode_edited) known.file_word->mode = initial_mode(site.mode);
  }
}

std::vector<std::string> unfollowed_edits(const config::Config& config, const State& state) {
  std::vector<std::string> all;
  for (const auto& site : config.sites) tell_edits(site, state.sites.at(site.name), all);
  if (all.size() <= sentences_max) return all;
  const auto left = all.size() - sentences_max;
  all.resize(sentences_max);
  all.push_back(fmt::format("the file says another pool or mode in {} more places", left));
  return all;
}

std::string describe_refused_reload(const Refusal& refusal, const core::Actor& actor, base::WallTime now) {
  return fmt::format("the configuration file is not in force, its reload at {} by {} was refused: {}",
                     base::format_time(now), describe(actor), reason_of(refusal));
}

}  // namespace drawbridge::control
