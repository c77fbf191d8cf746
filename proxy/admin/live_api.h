#pragma once

#include "proxy/admin/api.h"
#include "proxy/admin/kept_sockets.h"
#include "proxy/obs/counters.h"
#include "proxy/obs/log_facts.h"

#include <cstdint>
#include <functional>
#include <string>

namespace drawbridge::control {
class Controller;
}
namespace drawbridge::upstream {
class ServerWatch;
}

namespace drawbridge::admin {

// The Api of a running proxy: passes on to the controller and its neighbours. Control thread only.
class LiveApi final : public Api {
 public:
  // All outlive it.
  struct Parts {
    control::Controller& controller;
    control::Workers& workers;
    const upstream::HealthBoard& board;
    upstream::ServerWatch& watch;
    const obs::Registry& registry;
    std::function<void(std::function<void(std::string)>)> metrics;  // the whole exposition
    std::function<ClientFacts()> clients;
    std::function<obs::LogFacts()> access_log;
    std::function<std::vector<control::CertificateStatus>()> certificates;
    std::function<KeptSockets()> kept_sockets;
    std::function<std::string()> ending;  // that the process was told to end, and what it does; empty before
    base::Now started;
  };

  explicit LiveApi(Parts parts);

  void submit(core::Command command, control::Completion completion) override;
  control::Status status() const override;
  std::vector<control::HistoryEntry> history(const std::string& site, std::size_t count_max) const override;
  std::uint64_t wait(control::WaitFor what,
                     std::function<void(std::expected<control::Waited, control::Refusal>)> done) override;
  void cancel_wait(std::uint64_t id) override;
  std::expected<void, control::Refusal> run_ended(const std::string& site, std::uint64_t id, int exit_code,
                                                  const std::string& output, bool stopped) override;
  std::expected<void, control::Refusal> abort_cutover(const std::string& site, const core::Actor& actor,
                                                      bool now) override;
  std::expected<std::shared_ptr<const core::AnswerSet>, control::Refusal> preview(
      const std::string& site, const core::ModeState& mode) const override;
  void load(std::vector<core::SiteId> sites,
            std::function<void(std::vector<control::Workers::SiteLoad>)> done) override;
  upstream::ServerHealth health(core::ServerId server) const override;
  ServerLoad server_load() const override;
  Explained explain(const ExplainRequest& request) const override;
  void doctor(std::function<void(std::vector<Check>)> done) override;
  void metrics(std::function<void(std::string)> done) override;

 private:
  Parts parts_;
};

}  // namespace drawbridge::admin
