#pragma once

#include "proxy/core/ledger.h"
#include "proxy/net/task.h"
#include "proxy/serve/call.h"
#include "proxy/serve/parking.h"

namespace drawbridge::serve {

class Forward;

// One request from its parsed head to its record. This file reads as the table of contents of the proxy: admit,
// then do what the plan says. Lives on the connection's task; worker thread only.
class Exchange final : public core::Admission::Owner, private Parking::Parked {
 public:
  Exchange(Worker& worker, ClientChannel& channel);
  ~Exchange();

  net::Task<> run();
  // After that, once: records it. True if the connection may serve another request.
  bool finish();

  // core::Admission::Owner: an operator's deadline, the end of the process, or a cutover.
  void cut() override;
  void told_to_go(base::SteadyTime at) override;
  bool moves(const core::Placement& to) const override;
  bool is_at(core::ServerId server) const override;
  bool untouched() const override;

 private:
  void identify();
  net::Task<> follow_plan();
  net::Task<> carry_out_plan();
  net::Task<> park();
  void withdraw();
  bool still_parks(const core::Snapshot& snapshot) const override;
  net::Task<> answer_reserved(const core::ReservedPath& path);
  net::Task<> answer_options();
  net::Task<> refuse();
  net::Task<> redirect();
  std::string_view strict_transport() const;
  net::Task<> forward();
  net::Task<> answer_failure(base::Failure failure);
  net::Task<> answer(const core::AnswerSet& answers);
  net::Task<> send(OwnAnswer own, unsigned status);

  Call call_;
  core::Admission admission_;
  Forward* forward_ = nullptr;
};

}  // namespace drawbridge::serve
