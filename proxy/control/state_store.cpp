#include "proxy/control/state_store.h"

#include "proxy/control/state_json.h"

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

constexpr const char* current_name = "state.json";
constexpr const char* previous_name = "state.json.previous";
constexpr const char* new_name = "state.json.new";
constexpr const char* foreseen_name = "state.json.foreseen.";  // and a number
constexpr const char* damaged_name = "state.json.damaged";
constexpr const char* lock_name = "lock";

}  // namespace

struct StateStore::Copy {
  bool missing = false;
  bool newer = false;
  std::optional<State> state = {};
  std::string problem = {};
};

StateStore::StateStore(FileSystem& files, std::string folder, std::unique_ptr<FileSystem::Lock> lock)
    : files_(files), folder_(std::move(folder)), lock_(std::move(lock)) {}

base::Expected<std::unique_ptr<StateStore>> StateStore::open(FileSystem& files, std::string folder) {
  if (const auto made = files.make_folder(folder); !made) return std::unexpected(made.error());
  auto lock = files.lock(folder + "/" + lock_name);
  if (!lock) {
    return std::unexpected(base::Error{lock.error().message + "; each proxyd needs a state_dir of its own"});
  }
  return std::unique_ptr<StateStore>(new StateStore(files, std::move(folder), std::move(*lock)));
}

std::string StateStore::path(const char* name) const {
  return folder_ + "/" + name;
}

StateStore::Copy StateStore::read(const std::string& name) {
  const auto text = files_.read(name, state_bytes_max);
  if (!text) return {.problem = text.error().message};
  if (!*text) return {.missing = true, .problem = name + " is missing"};
  auto parsed = parse_state(**text);
  if (!parsed) return {.newer = parsed.error().newer, .problem = name + " " + parsed.error().message};
  return {.state = std::move(*parsed)};
}

base::Expected<StateStore::Loaded> StateStore::load() {
  auto current = read(path(current_name));
  if (current.newer) return std::unexpected(base::Error{std::move(current.problem)});
  if (current.state) {
    current_is_good_ = true;
    return Loaded{.from = Loaded::From::current, .state = std::move(*current.state), .problems = {}};
  }
  auto previous = read(path(previous_name));
  if (previous.newer) return std::unexpected(base::Error{std::move(previous.problem)});
  if (current.missing && previous.missing) return Loaded{};

  // Kept for whoever wants to know what happened to it; that it works is not needed.
  if (!current.missing) (void)files_.rename(path(current_name), path(damaged_name));
  Loaded loaded{.from = Loaded::From::damaged, .state = {}, .problems = {std::move(current.problem)}};
  if (previous.state) {
    loaded.from = Loaded::From::previous;
    loaded.state = std::move(*previous.state);
  } else {
    loaded.problems.push_back(std::move(previous.problem));
  }
  return loaded;
}

void StateStore::foresee(const std::vector<State>& states) {
  foreseen_.clear();
  for (const auto& state : states) {
    Foreseen one{.text = format_state(state), .file = path(foreseen_name) + std::to_string(foreseen_.size())};
    if (!parse_state(one.text) || !files_.write_durably(one.file, one.text)) return;
    foreseen_.push_back(std::move(one));
  }
}

// The name of a file that has the state, synced.
std::expected<std::string, StateStore::NotStored> StateStore::written(const State& state) {
  const auto text = format_state(state);
  const auto found = std::ranges::find(foreseen_, text, &Foreseen::text);
  if (found != foreseen_.end()) {
    auto file = std::move(found->file);
    foreseen_.erase(found);
    return file;
  }
  // What cannot be read back must never replace what can.
  if (const auto readable = parse_state(text); !readable) {
    return std::unexpected(NotStored{"the new state does not read back: " + readable.error().message});
  }
  if (const auto done = files_.write_durably(path(new_name), text); !done) {
    return std::unexpected(NotStored{done.error().message});
  }
  return path(new_name);
}

std::expected<void, StateStore::NotStored> StateStore::save(const State& state) {
  auto saved = replace(state);
  is_uncertain_ = !saved && (is_uncertain_ || saved.error().uncertain);
  if (!saved) saved.error().uncertain = is_uncertain_;
  return saved;
}

std::expected<void, StateStore::NotStored> StateStore::replace(const State& state) {
  const auto file = written(state);
  if (!file) return std::unexpected(file.error());
  if (current_is_good_) {
    const auto kept = files_.link(path(current_name), path(previous_name));
    // Somebody emptied the folder: nothing is there to keep, and refusing from now on would help nobody.
    if (!kept && read(path(current_name)).missing) current_is_good_ = false;
    if (!kept && current_is_good_) return std::unexpected(NotStored{kept.error().message});
  }
  if (const auto renamed = files_.rename(*file, path(current_name)); !renamed) {
    return std::unexpected(NotStored{renamed.error().message});
  }
  return settle();
}

// After the rename: makes it durable, or takes it back. Without this a change that was refused could be in force
// after a restart.
std::expected<void, StateStore::NotStored> StateStore::settle() {
  const auto synced = files_.sync_folder(folder_);
  if (synced) {
    current_is_good_ = true;
    return {};
  }
  NotStored failed{.message = synced.error().message, .uncertain = true};
  // Without a good copy before there is nothing to go back to; with one, it stays the previous copy until a save
  // succeeds.
  if (!std::exchange(current_is_good_, false)) return std::unexpected(std::move(failed));
  const bool restored = files_.link(path(previous_name), path(new_name)) &&
                        files_.rename(path(new_name), path(current_name)) && files_.sync_folder(folder_);
  failed.uncertain = !restored;
  current_is_good_ = restored;
  return std::unexpected(std::move(failed));
}

}  // namespace drawbridge::control
