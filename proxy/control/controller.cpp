#include "proxy/control/controller.h"

#include "proxy/control/cutover_hands.h"
#include "proxy/control/file_notes.h"
#include "proxy/control/history.h"
#include "proxy/control/mode_order.h"
#include "proxy/control/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {

Controller::Controller(Parts parts, config::Config config)
    : parts_(std::move(parts)),
      config_(std::move(config)),
      answers_(parts_.render),
      publisher_(parts_.workers),
      changes_(parts_.workers, parts_.alarms, parts_.events,
               {.ended = [this](const auto& receipt, const auto& actor) { record_end(receipt, actor); },
                .moved = [this] { waits_.look(); }}),
      hands_(std::make_unique<CutoverHands>(*this)),
      cutovers_(*hands_, parts_.alarms),
      timer_(parts_.alarms, parts_.boot_id, [this](const auto& sites) { return expire(sites); }),
      waits_(parts_.alarms, [this](const auto& site, const auto& what) { return is_there(site, what); }) {}

Controller::~Controller() {
  parts_.alarms.cancel(clock_look_);
}

base::Expected<void> Controller::start() {
  const auto now = parts_.alarms.now();
  started_at_ = now.wall;
  auto loaded = parts_.store.load();
  if (!loaded) return std::unexpected(loaded.error());
  note_load(*loaded);
  end_old_cutovers(loaded->state);
  const auto accepted = take_accepted(loaded->state);
  using From = StateStore::Loaded::From;
  const bool lost = loaded->from == From::damaged;
  // A copy may be of before an earlier end.
  const auto ended = std::exchange(loaded->state.ended, {});
  last_end_.begun(now, loaded->from == From::nothing, loaded->from == From::current ? ended : std::nullopt);
  auto fitted = reconcile(config_, lost ? all_in_maintenance(config_, now.wall) : loaded->state, now.wall);
  if (!fitted) return std::unexpected(fitted.error());
  note_fit(*fitted);
  // The history knows of epochs that a damaged state does not: a number is never used for two snapshots.
  const auto newest = parts_.history.list({}, 1);
  state_.epoch = std::max(fitted->state.epoch, newest.empty() ? 0 : newest.front().epoch);

  auto built = build({.state = std::move(fitted->state), .config = {}});
  if (!built) return std::unexpected(base::Error{built.error().message});
  // A disk that takes nothing now is no reason to serve nobody: what is on is known. Changes will be refused.
  (void)store(built->next.state);
  const auto before = std::exchange(loaded->state, {});
  install(std::move(*built));
  for (const auto& [name, writes] : accepted) cutovers_.restore(name, writes);
  (void)tell_unfollowed_edits();
  record_start(before);
  return {};
}

void Controller::note_load(const StateStore::Loaded& loaded) {
  using From = StateStore::Loaded::From;
  if (loaded.from == From::nothing || loaded.from == From::current) return;
  const bool lost = loaded.from == From::damaged;
  for (const auto& problem : loaded.problems) {
    parts_.events.error(lost ? "state_lost" : "state_from_previous_copy", {{"problem", problem}});
    warn_of_load(problem);
  }
  warn_of_load(lost ? "no state could be read, so every site was put into maintenance; check the active pools "
                      "before `mode live`"
                    : "the state was read from its previous copy: the last change may be missing");
}

void Controller::warn_of_load(std::string text) {
  LoadWarning warning{.text = std::move(text), .sites = {}};
  for (const auto& site : config_.sites) warning.sites.insert(site.name);
  load_warnings_.push_back(std::move(warning));
}

// An operator has changed these sites, or they are no more: whoever does that has looked at what the start found.
void Controller::note_seen(const std::vector<std::string>& sites) {
  std::erase_if(load_warnings_, [&](LoadWarning& warning) {
    for (const auto& site : sites) warning.sites.erase(site);
    return warning.sites.empty();
  });
}

void Controller::note_fit(const Reconciled& fitted) {
  for (const auto& note : fitted.notes) parts_.events.info(note.event, {{"name", note.name}});
}

std::expected<Controller::Built, Refusal> Controller::build(Next next) {
  next.state.epoch = state_.epoch + 1;
  fix_ends(next.state, parts_.alarms.now(), parts_.boot_id);
  follow_file(next.state, next.config ? *next.config : config_);
  Built built{.next = std::move(next), .ids = ids_, .answers = answers_, .snapshot = nullptr};
  // A new configuration may bring other pages under the same names.
  if (built.next.config) built.answers = AnswerCache(parts_.render);
  auto snapshot = build_snapshot(built.next.config ? *built.next.config : config_, built.next.state, built.ids,
                                 built.answers, tls_clients_);
  if (!snapshot) {
    return std::unexpected(Refusal{.code = RefusalCode::refused, .message = snapshot.error().message});
  }
  built.snapshot = std::move(*snapshot);
  built.snapshot->rules_epoch = built.next.config ? built.snapshot->epoch : rules_epoch_;
  return built;
}

Controller::Checked Controller::store(const State& state) {
  const auto saved = parts_.store.save(state);
  if (saved) {
    store_warning_.clear();
    return {};
  }
  store_warning_ = fmt::format("at {} the state could not be stored, and a change that cannot be is refused: {}",
                               base::format_time(parts_.alarms.now().wall), saved.error().message);
  if (saved.error().uncertain) store_warning_ += "; a restart may find the change that was refused last";
  parts_.events.error("state_not_stored", {{"problem", saved.error().message},
                                           {"uncertain", saved.error().uncertain ? "true" : "false"}});
  return std::unexpected(Refusal{
      .code = RefusalCode::not_stored,
      .message = fmt::format("nothing has changed: {}", saved.error().message),
      .hint = saved.error().uncertain ? "the folder could not be synced; if proxyd is restarted now it may come "
                                        "up with this change in force"
                                      : fmt::format("see to {}", parts_.store.folder()),
      .uncertain = saved.error().uncertain});
}

void Controller::install(Built built) {
  state_ = std::move(built.next.state);
  if (built.next.config) config_ = std::move(*built.next.config);
  ids_ = std::move(built.ids);
  answers_ = std::move(built.answers);
  rules_epoch_ = built.snapshot->rules_epoch;
  publisher_.publish(std::move(built.snapshot));
  for (const auto& listener : listeners_) listener(publisher_.current(), config_);
  timer_.follow(state_);
  follow_clock();
}

Controller::Checked Controller::commit(Next next) {
  note_accepted(next.state, false);
  auto built = build(std::move(next));
  if (!built) return std::unexpected(std::move(built.error()));
  if (auto stored = store(built->next.state); !stored) return stored;
  install(std::move(*built));
  return {};
}

void Controller::stop() {
  if (!stopped_ && publisher_.has_published()) store_end();
  stopped_ = true;
  cutovers_.stop();
  timer_.stop();
  changes_.stop();
  waits_.stop();
}

// The next process knows by it that this one has ended in order. What the workers say, who have ended, is their
// last word; it comes before the loop of this thread ends.
void Controller::store_end() {
  std::vector<std::string> names;
  std::vector<core::SiteId> ids;
  ids_.sites.for_each([&](const std::string& name, core::SiteId id) {
    names.push_back(name);
    ids.push_back(id);
  });
  auto last = state_;
  note_accepted(last, true);
  last.ended = Ended{.at = parts_.alarms.now().wall, .unknown_writes = {}};
  parts_.workers.load(ids, [&store = parts_.store, names, last](const std::vector<Workers::SiteLoad>& loads) {
    auto state = last;
    for (std::size_t i = 0; i < std::min(loads.size(), names.size()); ++i) {
      const auto count = loads[i].unknown_writes.count;
      if (count > 0) state.ended->unknown_writes[names[i]] = count;
    }
    (void)store.save(state);
  });
}

const core::Snapshot& Controller::current() const {
  return publisher_.current();
}

void Controller::on_published(std::function<void(const core::Snapshot&, const config::Config&)> listener) {
  listeners_.push_back(std::move(listener));
}

std::uint64_t Controller::wait(WaitFor what, Waits::Done done) {
  auto sites = resolve_sites(config_, what.sites);
  if (!sites) {
    parts_.alarms.post(
        [done = std::move(done), refusal = std::move(sites.error())] { done(std::unexpected(refusal)); });
    return 0;
  }
  what.sites = std::move(*sites);
  return waits_.add(std::move(what), std::move(done));
}

void Controller::cancel_wait(std::uint64_t id) {
  waits_.cancel(id);
}

bool Controller::is_there(const std::string& site, const WaitFor& what) const {
  const auto found = state_.sites.find(site);
  if (found == state_.sites.end() || !found->second.configured) return false;
  const auto id = ids_.sites.find(site);
  if (!id) return false;
  const auto mode = shown_mode(found->second).mode;
  switch (what.until) {
    case WaitFor::Until::drained:
      return cutovers_.check_free(site).has_value() && changes_.is_drained(*id);
    case WaitFor::Until::live:
      return mode == core::Mode::live && changes_.is_fenced(*id);
    case WaitFor::Until::mode:
      return mode == what.mode && changes_.is_fenced(*id);
  }
  return false;
}

std::expected<std::shared_ptr<const core::AnswerSet>, Refusal> Controller::preview(
    const std::string& site, const core::ModeState& mode) const {
  const auto sites = resolve_sites(config_, {site});
  if (!sites) return std::unexpected(sites.error());
  if (mode.mode == core::Mode::live) {
    return std::unexpected(Refusal{.code = RefusalCode::bad_request, .message = "live has no page"});
  }
  return answers_.render()(*config_.find_site(site), mode);
}

}  // namespace drawbridge::control
