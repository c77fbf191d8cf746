#pragma once

#include "proxy/base/failure.h"
#include "proxy/control/file_system.h"
#include "proxy/control/state.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::control {

// state.json in the state folder, its previous copy (state.json.previous), and the lock that keeps a second proxyd
// out. At each instant, power cuts included, state.json is wholly the old state or wholly the new one.
class StateStore {
 public:
  // Makes the folder if needed and locks it until the store is destroyed.
  static base::Expected<std::unique_ptr<StateStore>> open(FileSystem& files, std::string folder);

  struct Loaded {
    enum class From : std::uint8_t {
      nothing,   // there is no state: the first start
      current,   // the usual case
      previous,  // state.json is missing or damaged: one change may be lost
      damaged,   // neither can be read; `state` is empty
    };
    From from = From::nothing;
    State state;
    std::vector<std::string> problems;  // what was wrong with which file
  };
  // Fails only where going on would destroy what a newer version wrote.
  base::Expected<Loaded> load();

  // Durable when it returns. On failure the state on disk is the old one, or, if even that cannot be said,
  // `uncertain` is true: a restart could then find either, and this holds until a save succeeds.
  struct NotStored {
    std::string message;
    bool uncertain = false;
  };
  std::expected<void, NotStored> save(const State& state);

  // States that may be asked to be saved soon, in place of those that were foreseen before: what can be done for
  // them now is done, so that save() of exactly such a state waits for the disk once instead of twice. Promises
  // nothing.
  void foresee(const std::vector<State>& states);

  const std::string& folder() const { return folder_; }

 private:
  StateStore(FileSystem& files, std::string folder, std::unique_ptr<FileSystem::Lock> lock);
  struct Copy;
  Copy read(const std::string& name);
  std::string path(const char* name) const;
  std::expected<void, NotStored> replace(const State& state);
  std::expected<void, NotStored> settle();
  std::expected<std::string, NotStored> written(const State& state);

  FileSystem& files_;
  std::string folder_;
  std::unique_ptr<FileSystem::Lock> lock_;
  struct Foreseen {
    std::string text;
    std::string file;  // has the text, synced
  };
  std::vector<Foreseen> foreseen_;
  bool is_uncertain_ = false;     // the last save that got as far as the name could not be synced nor taken back
  bool current_is_good_ = false;  // state.json holds the last state that was loaded or saved
};

}  // namespace drawbridge::control
