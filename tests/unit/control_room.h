#pragma once

#include "config/load.h"
#include "proxy/control/controller.h"
#include "proxy/control/history.h"
#include "proxy/control/state_store.h"
#include "tests/unit/control_fakes.h"
#include "tests/unit/memory_file_system.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::tests {

// What came back of one command.
struct Answer {
  std::vector<control::Progress> progress;
  std::optional<control::Done> done;

  bool is_receipt() const { return done && done->has_value(); }
  const core::Receipt& receipt() const { return done->value(); }
  const control::Refusal& refusal() const { return done->error(); }
};

// A controller with a disk, workers and a clock that obey the test. Starts and restarts like the process.
class ControlRoom {
 public:
  static const std::string default_config, three_pools;

  explicit ControlRoom(const std::string& config_text = default_config);

  base::Expected<void> start();
  void stop();                                                       // the process is killed
  void restart();                                                    // killed and started again on the same boot
  void set_config(const std::string& text) { config_text_ = text; }  // what a reload or a start reads

  std::shared_ptr<Answer> submit(core::Command command);
  std::shared_ptr<Answer> submit(decltype(core::Command::what) what);  // Alice's
  std::shared_ptr<Answer> mode(core::Mode mode, std::vector<std::string> sites = {});
  std::shared_ptr<Answer> readonly_for(base::Millis lasts, core::Mode then = core::Mode::live);
  std::shared_ptr<Answer> reload() { return submit(core::ReloadCommand{}); }

  // When all that needs no time has been done.
  std::shared_ptr<Answer> settled(std::shared_ptr<Answer> answer) {
    alarms.settle();
    return answer;
  }

  core::Mode mode_of(const std::string& site) const;
  const core::SiteView& view(const std::string& site) const;
  control::SiteStatus status_of(const std::string& site) const;
  control::Controller& controller() { return *controller_; }

  MemoryFileSystem files;
  FakeAlarms alarms;
  std::unique_ptr<FakeWorkers> workers;
  base::EventLog events{false};
  std::string boot = "boot-1";
  int renders = 0;
  bool servers_answer = true;                               // to probes
  std::string dead;                                         // the address of a server that does not answer them
  bool check_passes = true;                                 // likewise, of a path
  std::uint64_t writes = 0;                                 // sent to servers so far
  std::optional<base::SteadyTime> first_write, last_write;  // of them
  core::WatchSample answered;                               // by any pool, likewise
  std::uint64_t slice_writes = 0;
  std::function<void(const core::CutoverPoint&)> passing;  // may throw: the process ends there
  inline static const core::Actor alice{.name = "alice", .uid = 1000, .pid = 7};

  bool has_event(const std::string& name) const;
  core::ServerId id_of(const std::string& address) const;

 private:
  control::Controller::Parts parts(const control::Controller::Render& render);
  void probe(const std::vector<core::ServerId>& servers, const std::string& path,
             const std::function<void(std::vector<control::Controller::Parts::Found>)>& done);

  std::string config_text_;
  std::unique_ptr<control::StateStore> store_;
  std::unique_ptr<control::History> history_;
  std::unique_ptr<control::Controller> controller_;
};

// One that has started.
struct StartedRoom : ControlRoom {
  explicit StartedRoom(const std::string& config_text = default_config);
};

core::ModeCommand mode_command(core::Mode mode, std::vector<std::string> sites = {});

}  // namespace drawbridge::tests
