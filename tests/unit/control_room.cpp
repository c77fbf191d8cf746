#include "tests/unit/control_room.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace drawbridge::tests {

const std::string ControlRoom::default_config = R"(
[server]
state_dir = "/state"
[[listener]]
address = "127.0.0.1:8080"
[pool.blue]
servers = ["127.0.0.1:9001", "127.0.0.1:9002"]
[pool.green]
servers = ["127.0.0.1:9101"]
[site.forum]
hosts = ["forum.example"]
pool = "blue"
drain = { timeout = "10s", tunnel_spread = "2s" }
[site.shop]
hosts = ["shop.example"]
pool = "blue"
readonly = { read = ["POST /login"] }
)";

const std::string ControlRoom::three_pools = default_config + R"(
[pool.red]
servers = ["127.0.0.1:9201"]
)";

ControlRoom::ControlRoom(const std::string& config_text) : config_text_(config_text) {}

base::Expected<void> ControlRoom::start() {
  auto config = config::parse(config_text_, "test.toml");
  if (!config) throw std::runtime_error(config::format(config.error()));
  workers = std::make_unique<FakeWorkers>(alarms);
  auto store = control::StateStore::open(files, "/state");
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  history_ = std::make_unique<control::History>(files, "/state");
  const auto render = [this](const config::Site&, const core::ModeState&) {
    ++renders;
    return std::make_shared<const core::AnswerSet>();
  };
  controller_ = std::make_unique<control::Controller>(parts(render), std::move(*config));
  return controller_->start();
}

control::Controller::Parts ControlRoom::parts(const control::Controller::Render& render) {
  control::Controller::Parts parts{.workers = *workers,
                                   .alarms = alarms,
                                   .store = *store_,
                                   .history = *history_,
                                   .events = events,
                                   .load = [this] { return config::parse(config_text_, "test.toml"); },
                                   .render = render,
                                   .boot_id = boot};
  parts.probe = [this](const auto& servers, const std::string& path, auto done) { probe(servers, path, done); };
  parts.served = [this](core::SiteId) {
    return control::Cutovers::Served{.writes = writes, .last_write = last_write, .first_write = first_write};
  };
  parts.slice_writes = [this](core::SliceId) { return slice_writes; };
  parts.forget_first_write = [this](core::SiteId) { first_write.reset(); };
  parts.answered = [this](core::PoolId) { return answered; };
  parts.passing = [this](const core::CutoverPoint& point) {
    if (passing) passing(point);
  };
  return parts;
}

void ControlRoom::probe(const std::vector<core::ServerId>& servers, const std::string& path,
                        const std::function<void(std::vector<control::Controller::Parts::Found>)>& done) {
  alarms.post([this, servers, path, done] {
    std::vector<control::Controller::Parts::Found> found;
    const bool healthy = path.empty() ? servers_answer : check_passes;
    for (const auto id : servers) {
      found.push_back({id, healthy && (dead.empty() || id != id_of(dead)), "status 500"});
    }
    done(found);
  });
}

void ControlRoom::stop() {
  controller_.reset();
  history_.reset();
  store_.reset();
  alarms.forget_all();
}

void ControlRoom::restart() {
  stop();
  const auto started = start();
  if (!started) throw std::runtime_error(started.error().message);
}

std::shared_ptr<Answer> ControlRoom::submit(core::Command command) {
  auto answer = std::make_shared<Answer>();
  controller_->submit(std::move(command),
                      {.progress = [answer](const control::Progress& one) { answer->progress.push_back(one); },
                       .done =
                           [answer](control::Done done) {
                             if (answer->done) throw std::runtime_error("done twice");
                             answer->done = std::move(done);
                           }});
  if (answer->done || !answer->progress.empty()) throw std::runtime_error("told inside submit()");
  return answer;
}

std::shared_ptr<Answer> ControlRoom::submit(decltype(core::Command::what) what) {
  return submit(core::Command{.what = std::move(what), .if_epoch = {}, .actor = alice});
}

StartedRoom::StartedRoom(const std::string& config_text) : ControlRoom(config_text) {
  if (const auto started = start(); !started) throw std::runtime_error(started.error().message);
}

core::ModeCommand mode_command(core::Mode mode, std::vector<std::string> sites) {
  core::ModeCommand command;
  command.mode = mode;
  command.sites = std::move(sites);
  return command;
}

std::shared_ptr<Answer> ControlRoom::mode(core::Mode mode, std::vector<std::string> sites) {
  return submit(mode_command(mode, std::move(sites)));
}

std::shared_ptr<Answer> ControlRoom::readonly_for(base::Millis lasts, core::Mode then) {
  auto command = mode_command(core::Mode::readonly, {"shop"});
  command.lasts = lasts;
  command.then = then;
  command.reason = "patch";
  return submit(command);
}

const core::SiteView& ControlRoom::view(const std::string& site) const {
  for (const auto& one : workers->snapshot()->sites) {
    if (one->name == site) return *one;
  }
  throw std::runtime_error("no site " + site);
}

core::Mode ControlRoom::mode_of(const std::string& site) const {
  return view(site).mode.mode;
}

control::SiteStatus ControlRoom::status_of(const std::string& site) const {
  for (const auto& one : controller_->status().sites) {
    if (one.name == site) return one;
  }
  throw std::runtime_error("no site " + site);
}

core::ServerId ControlRoom::id_of(const std::string& address) const {
  for (const auto& pool : workers->snapshot()->pools) {
    for (const auto& server : pool->servers) {
      if (server.address == address) return server.id;
    }
  }
  throw std::runtime_error("no server " + address);
}

bool ControlRoom::has_event(const std::string& name) const {
  return std::ranges::any_of(events.since(0), [&](const auto& event) { return event.name == name; });
}

}  // namespace drawbridge::tests
