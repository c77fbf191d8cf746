#pragma once

#include "proxy/admin/api.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace drawbridge::tests {

// A proxy of two sites and two pools that does nothing: records the commands it is given and answers what it was
// told to. `hold_back` keeps a command open until finish().
class FakeApi final : public admin::Api {
 public:
  explicit FakeApi(boost::asio::io_context& context) : context_(context) {}

  std::vector<core::Command> commands;
  control::Done answer = core::Receipt{};
  std::vector<control::Progress> progress;
  bool hold_back = false;
  bool load_answers = true;
  std::vector<admin::Check> checks;
  control::Waited waited{true, base::Millis{5}, {}, {}};
  bool hold_wait = false;
  std::vector<std::uint64_t> cancelled;
  std::vector<std::string> ran;  // "SITE ID EXIT_CODE"
  control::Status state = sample_status();

  void finish() {
    boost::asio::post(context_, [this] {
      if (waiting_.done) std::exchange(waiting_, {}).done(answer);
    });
  }

  void submit(core::Command command, control::Completion completion) override {
    commands.push_back(std::move(command));
    boost::asio::post(context_, [this, completion = std::move(completion)] {
      for (const auto& step : progress) {
        if (completion.progress) completion.progress(step);
      }
      if (hold_back) {
        waiting_ = completion;
      } else {
        completion.done(answer);
      }
    });
  }

  control::Status status() const override { return state; }

  std::vector<control::HistoryEntry> history(const std::string& site, std::size_t count_max) const override {
    control::HistoryEntry entry;
    entry.at = state.now;
    entry.epoch = 43;
    entry.what = "readonly";
    entry.actor = {"alice", 1000, 4711};
    entry.reason = "schema patch";
    entry.sites = {{"shop", "live", "readonly"}};
    if (count_max == 0 || (!site.empty() && site != "shop")) return {};
    return {entry};
  }

  std::uint64_t wait(control::WaitFor,
                     std::function<void(std::expected<control::Waited, control::Refusal>)> done) override {
    if (hold_wait) return 7;
    boost::asio::post(context_, [this, done = std::move(done)] { done(waited); });
    return 7;
  }
  std::expected<void, control::Refusal> abort_cutover(const std::string&, const core::Actor&, bool) override {
    return {};
  }
  std::expected<void, control::Refusal> run_ended(const std::string& site, std::uint64_t id, int exit_code,
                                                  const std::string&, bool) override {
    ran.push_back(site + " " + std::to_string(id) + " " + std::to_string(exit_code));
    return {};
  }
  void cancel_wait(std::uint64_t id) override { cancelled.push_back(id); }

  std::expected<std::shared_ptr<const core::AnswerSet>, control::Refusal> preview(
      const std::string& site, const core::ModeState& mode) const override {
    if (site != "shop") {
      return std::unexpected(control::Refusal{
          control::RefusalCode::unknown_site, "there is no site '" + site + "'", "did you mean 'shop'?", {}, {}});
    }
    auto answers = std::make_shared<core::AnswerSet>();
    answers->html.head.literal = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\n";
    answers->html.body.literal = "<p>" + std::string(core::name(mode.mode)) + " " + mode.reason + "</p>";
    answers->text.head.literal = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n";
    answers->text.body.literal = "closed\n";
    answers->until = mode.until;
    return answers;
  }

  void load(std::vector<core::SiteId> sites,
            std::function<void(std::vector<control::Workers::SiteLoad>)> done) override {
    std::vector<control::Workers::SiteLoad> loads;
    for (const auto id : sites) {
      control::Workers::SiteLoad load;
      load.site = id;
      load.in_flight[core::RequestClass::read] = 12;
      loads.push_back(std::move(load));
    }
    if (load_answers) boost::asio::post(context_, [done = std::move(done), loads] { done(loads); });
  }

  admin::ServerLoad server_load() const override { return {{core::ServerId{0}, 3}}; }
  upstream::ServerHealth health(core::ServerId server) const override {
    upstream::ServerHealth health;
    health.state = server == 1 ? upstream::HealthState::up : upstream::HealthState::down;
    health.reason = server == 1 ? "" : "connect refused";
    health.since = state.now;
    return health;
  }

  admin::Explained explain(const admin::ExplainRequest& request) const override {
    core::Explanation explained;
    explained.site = "shop";
    explained.normal_form = request.target;
    explained.sentence = request.method + " " + request.host;
    return explained;
  }

  void doctor(std::function<void(std::vector<admin::Check>)> done) override {
    boost::asio::post(context_, [this, done = std::move(done)] { done(checks); });
  }
  void metrics(std::function<void(std::string)> done) override {
    boost::asio::post(context_, [done = std::move(done)] { done("drawbridge_up 1\n"); });
  }

  static control::Status sample_status() {
    control::Status status;
    status.epoch = 43;
    status.now = *base::parse_time("2026-03-01T02:04:10Z", {});
    status.started_at = *base::parse_time("2026-02-27T11:00:00Z", {});
    control::SiteStatus shop;
    shop.id = 1;
    shop.name = "shop";
    shop.pool = "blue";
    shop.epoch = 43;
    shop.mode.since = *base::parse_time("2026-03-01T02:00:00Z", {});
    shop.mode.by = "alice (uid 1000)";
    control::SiteStatus search = shop;
    search.id = 2;
    search.name = "search";
    status.sites = {search, shop};
    control::PoolStatus blue;
    blue.name = "blue";
    blue.sites = {"search", "shop"};
    core::PoolServer one, two;
    one.id = 1;
    one.address = "127.0.0.1:9001";
    two.id = 2;
    two.address = "127.0.0.1:9002";
    two.admin = core::ServerAdmin::drain;
    blue.servers = {one, two};
    status.pools = {blue};
    return status;
  }

 private:
  boost::asio::io_context& context_;
  control::Completion waiting_;
};

}  // namespace drawbridge::tests
