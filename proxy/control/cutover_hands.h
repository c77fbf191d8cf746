#pragma once

#include "proxy/control/controller.h"

namespace drawbridge::control {

// What cutovers do to the world, done by the controller that owns them.
class Controller::CutoverHands final : public Cutovers::Hands {
 public:
  explicit CutoverHands(Controller& controller) : controller_(controller) {}

  const SiteState& site(const std::string& name) const override;
  std::uint64_t epoch() const override;
  void probe(const std::vector<std::string>& pools, const std::string& path,
             std::function<void(Probed)> done) override;
  Checked prepare(const std::string& site, SiteState wanted) override;
  void publish() override;
  void foresee(const std::string& site, const std::vector<Stored>& stages) override;
  Checked note(const std::string& site, SiteState wanted) override;
  Checked publish_back(const std::string& site, SiteState wanted) override;
  void fence(const std::string& site, Cutovers::Fence what, Completion completion) override;
  void parked(const std::string& site, std::function<void(const Cutovers::Parked&)> done) override;
  Cutovers::Served served(const std::string& site) const override;
  std::uint64_t slice_writes(const std::string& site, const std::string& key) const override;
  PartialMove plan(const core::CutoverCommand& command, const core::Actor& actor) const override;
  void forget_first_write(const std::string& site) override;
  core::WatchSample answered(const std::string& pool) const override;
  void pass(const core::CutoverPoint& point) override;
  void ended(const std::string& site, std::optional<core::Outcome> outcome, const std::string& failure) override;

 private:
  std::expected<Built, Refusal> build(const std::string& site, SiteState wanted);

  Controller& controller_;
  std::optional<Built> prepared_;
  State before_;  // of the publication
};

}  // namespace drawbridge::control
