#pragma once

#include "proxy/base/time.h"

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace drawbridge::ctl {

// A process between us and a command of the operator's, which outlives us whatever ends us, SIGKILL included, and
// lets nothing of the command outlive us: the kernel closes the leash when we are gone. Then, or when end_command()
// was called, the command and all that it has started get SIGTERM, and SIGKILL after `last_wait`; so does what a
// command leaves behind that failed. Only one that exits with 0 may leave a process running. The keeper is deaf to
// the signals of a terminal, and holds neither our terminal nor our connections. One thread.
class Keeper {
 public:
  static constexpr base::Millis last_wait{5'000};
  static constexpr int not_started = 127;  // exit code

  struct Task {
    std::function<void()> command;  // is called in a process of its own and becomes the command
    base::Millis limit{0};          // should we be stopped, the keeper ends it a little after this
    // Called in the keeper's process when it has ended a command that we did not end, because we are gone or
    // stopped: with the exit code of Keeper::exit_code().
    std::function<void(int exit_code)> last_word = {};
  };
  explicit Keeper(const Task& task);
  ~Keeper();  // tells the command to end if it has not
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Becomes readable when the command has ended, or could not be begun. Below 0: wait with exit_code().
  int descriptor() const { return process_; }
  void end_command();

  // Who of the command goes on, "rsync (4711), psql (4712)": a moment after it was told to end, or even after
  // SIGKILL.
  struct Word {
    bool killed = false;
    std::string names;
  };
  // Becomes readable when hear() has something; below 0 when nothing will come any more.
  int words() const { return is_silent_ ? -1 : leash_; }
  std::vector<Word> hear();
  // Waits for the end. 128 and the signal if one ended the command. Nothing: the keeper was killed, and what it
  // kept may run on.
  std::optional<int> exit_code();

 private:
  pid_t keeper_ = -1;
  int leash_ = -1;  // a socket: what comes on it are the keeper's words
  bool is_silent_ = false;
  std::string heard_;  // the beginning of a word
  int process_ = -1;
};

}  // namespace drawbridge::ctl
