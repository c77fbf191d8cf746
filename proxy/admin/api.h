#pragma once

#include "proxy/admin/doctor.h"
#include "proxy/admin/explain.h"
#include "proxy/base/event_log.h"
#include "proxy/control/completion.h"
#include "proxy/control/history_entry.h"
#include "proxy/control/refusal.h"
#include "proxy/control/status.h"
#include "proxy/control/workers.h"
#include "proxy/core/answer.h"
#include "proxy/core/command.h"
#include "proxy/upstream/health_board.h"

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::admin {

// What the admin socket can ask of the proxy, as values: everything that is not HTTP, JSON or permission.
// Implemented over the controller and its neighbours by LiveApi, faked in tests. Control thread only; callbacks
// come on the control thread, exactly once, never inside the call.
using ServerLoad = std::map<core::ServerId, std::uint64_t>;

class Api {
 public:
  virtual ~Api() = default;

  virtual void submit(core::Command command, control::Completion completion) = 0;
  virtual control::Status status() const = 0;
  virtual std::vector<control::HistoryEntry> history(const std::string& site, std::size_t count_max) const = 0;
  virtual std::uint64_t wait(control::WaitFor what,
                             std::function<void(std::expected<control::Waited, control::Refusal>)> done) = 0;
  virtual void cancel_wait(std::uint64_t id) = 0;
  // The command that the client of a cutover ran has ended.
  virtual std::expected<void, control::Refusal> run_ended(const std::string& site, std::uint64_t id, int exit_code,
                                                          const std::string& output, bool stopped) = 0;
  // Gives a cutover up that has not flipped; how it ends is told to who began it.
  virtual std::expected<void, control::Refusal> abort_cutover(const std::string& site, const core::Actor& actor,
                                                              bool now) = 0;
  virtual std::expected<std::shared_ptr<const core::AnswerSet>, control::Refusal> preview(
      const std::string& site, const core::ModeState& mode) const = 0;

  virtual void load(std::vector<core::SiteId> sites,
                    std::function<void(std::vector<control::Workers::SiteLoad>)> done) = 0;
  virtual upstream::ServerHealth health(core::ServerId server) const = 0;
  // Requests that each server has not answered yet; none is left out only if it was never asked.
  virtual ServerLoad server_load() const = 0;
  virtual Explained explain(const ExplainRequest& request) const = 0;
  virtual void doctor(std::function<void(std::vector<Check>)> done) = 0;
  virtual void metrics(std::function<void(std::string)> done) = 0;
};

}  // namespace drawbridge::admin
