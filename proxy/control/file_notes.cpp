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

// What the file says otherwise than the state, of what was edited.
std::vector<std::string> differences(const config::Site& site, const SiteState& state,
                                     const std::string& pool_before, config::InitialMode mode_before) {
  std::vector<std::string> found;
  if (site.pool != pool_before && site.pool != state.pool) {
    found.push_back(
        fmt::format("the file says pool {0} for {1}, which stays on {2}: `proxyctl cutover {1} --to {0}` moves it",
                    site.pool, site.name, state.pool));
  }
  const auto mode = initial_mode(site.mode);
  if (site.mode != mode_before && mode != state.mode.mode) {
    found.push_back(fmt::format(
        "the file says mode {0} for {1}, which stays {2} as since {3}: `proxyctl mode {0} {1}` changes it",
        core::name(mode), site.name, core::name(state.mode.mode), base::format_time(state.mode.since)));
  }
  return found;
}

}  // namespace

void FileNotes::reload_refused(const Refusal& refusal, const core::Actor& actor, base::WallTime now) {
  refused_ = fmt::format("the configuration file is not in force, its reload at {} by {} was refused: {}",
                         base::format_time(now), describe(actor), reason_of(refusal));
}

std::string FileNotes::reloaded(const config::Config& before, const config::Config& after, const State& state) {
  refused_.clear();
  for (const auto& site : after.sites) {
    const auto* old = before.find_site(site.name);
    if (old == nullptr || (old->pool == site.pool && old->mode == site.mode)) continue;
    edited_.try_emplace(site.name, Edited{.pool = old->pool, .mode = old->mode});
  }
  follow(after, state);
  std::string all;
  for (const auto& sentence : warnings(after, state)) all += (all.empty() ? "" : "; ") + sentence;
  return all;
}

void FileNotes::follow(const config::Config& config, const State& state) {
  std::erase_if(edited_, [&](const auto& entry) {
    const auto* site = config.find_site(entry.first);
    return site == nullptr ||
           differences(*site, state.sites.at(entry.first), entry.second.pool, entry.second.mode).empty();
  });
}

std::vector<std::string> FileNotes::warnings(const config::Config& config, const State& state) const {
  std::vector<std::string> all;
  if (!refused_.empty()) all.push_back(refused_);
  std::size_t left = 0;
  for (const auto& [name, edited] : edited_) {
    for (auto& sentence : differences(*config.find_site(name), state.sites.at(name), edited.pool, edited.mode)) {
      if (all.size() < sentences_max) {
        all.push_back(std::move(sentence));
      } else {
        ++left;
      }
    }
  }
  if (left > 0) all.push_back(fmt::format("the file says another pool or mode in {} more places", left));
  return all;
}

}  // namespace drawbridge::control
