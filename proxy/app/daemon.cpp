#include "proxy/app/daemon.h"

#include "proxy/admin/live_api.h"
#include "proxy/admin/metrics_listener.h"
#include "proxy/admin/server.h"
#include "proxy/app/certificates.h"
#include "proxy/app/cutover_parts.h"
#include "proxy/app/data_path.h"
#include "proxy/app/descriptor_shares.h"
#include "proxy/app/descriptors.h"
#include "proxy/app/ending.h"
#include "proxy/app/for_tests.h"
#include "proxy/app/handover.h"
#include "proxy/app/metrics.h"
#include "proxy/app/page_renderer.h"
#include "proxy/app/targets.h"
#include "proxy/control/asio_alarms.h"
#include "proxy/control/controller.h"
#include "proxy/control/file_system.h"
#include "proxy/control/history.h"
#include "proxy/control/state_store.h"
#include "proxy/obs/access_log.h"
#include "proxy/serve/worker_group.h"
#include "proxy/upstream/health_board.h"
#include "proxy/upstream/server_watch.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include <csignal>
#include <optional>
#include <pthread.h>
#include <thread>
#include <unistd.h>

namespace drawbridge::app {
namespace {

using base::Expected;
namespace asio = boost::asio;

std::size_t worker_count(const config::Server& server) {
  if (server.workers != 0) return server.workers;
  return std::max(1U, std::thread::hardware_concurrency());
}

obs::AccessLogOptions access_log_options(const config::Server& server) {
  obs::AccessLogOptions options;
  options.format = server.access_log_format == config::AccessLogFormat::json ? obs::AccessLogFormat::json
                                                                             : obs::AccessLogFormat::combined;
  if (server.access_log == "stdout") {
    options.sink = obs::AccessLogSink::standard_output;
  } else if (server.access_log != "off") {
    options.sink = obs::AccessLogSink::file;
    options.path = server.access_log;
  }
  return options;
}

// The control thread takes the signals: blocked while the other threads are made, which inherit that, then open
// again.
void mask_signals(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(how, &signals, nullptr);
}

// All parts of the process in the order of their making, so that they end in the reverse order.
class Daemon {
 public:
  explicit Daemon(DaemonOptions options)
      : options_(std::move(options)), events_(options_.events_to_stderr), started_(base::now()) {}

  Expected<void> start();
  // Listens and serves until a signal ends it. Fails if an address cannot be listened on.
  Expected<void> serve();

 private:
  Expected<void> open_state();
  Expected<void> open_data_path();
  Expected<void> open_control();
  Expected<void> open_admin();
  std::expected<config::Config, std::vector<config::Problem>> load();
  void use_certificates(const config::Config& config);
  void wait_for_signal();
  void on_signal(int signal);
  void say_refused(const control::Refusal& refusal);
  void finish();
  void collect_metrics(std::function<void(std::string)> done);

  DaemonOptions options_;
  base::EventLog events_;
  base::Now started_;
  asio::io_context context_;
  asio::signal_set signals_{context_, SIGTERM, SIGINT, SIGHUP};
  std::unique_ptr<control::FileSystem> files_;
  std::unique_ptr<control::StateStore> store_;
  std::optional<control::History> history_;
  std::unique_ptr<obs::AccessLog> access_log_;
  std::optional<obs::Registry> registry_;
  upstream::HealthBoard board_;
  std::optional<serve::Shared> shared_;
  std::optional<control::AsioAlarms> alarms_;
  Handover handover_{net::ServiceManager::from_environment(), std::move(options_.handed), events_};
  std::optional<DescriptorShares> descriptors_;
  std::optional<Certificates> certificates_;
  std::optional<serve::WorkerGroup> workers_;
  std::optional<DataPath> data_path_;
  std::optional<Ending> ending_;
  std::optional<PageRenderer> renderer_;
  std::optional<upstream::ServerWatch> watch_;
  std::optional<control::Controller> controller_;
  std::optional<admin::LiveApi> api_;
  std::unique_ptr<admin::Server> admin_;
  std::unique_ptr<admin::MetricsListener> metrics_;
  bool files_reread_ = false;  // a reload has read the configuration since the last snapshot
};

Expected<void> Daemon::start() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at the process's size limit is a full disk (EFBIG), no reason to die
  mask_signals(SIG_BLOCK);
  raise_descriptor_limit();
  for (const auto step :
       {&Daemon::open_state, &Daemon::open_data_path, &Daemon::open_control, &Daemon::open_admin}) {
    if (const auto done = (this->*step)(); !done) return done;
  }
  return {};
}

Expected<void> Daemon::open_state() {
  const auto& server = options_.configuration.values.server;
  files_ = control::make_file_system();
  auto store = control::StateStore::open(*files_, server.state_dir);
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  history_.emplace(*files_, server.state_dir);
  return {};
}

Expected<void> Daemon::open_data_path() {
  const auto& config = options_.configuration.values;
  const auto count = worker_count(config.server);
  auto log = obs::AccessLog::open(access_log_options(config.server), count, events_);
  if (!log) return std::unexpected(log.error());
  access_log_ = std::move(*log);
  registry_.emplace(count);
  shared_.emplace(board_, *registry_, *access_log_, events_);
  shared_->workers = count;
  shared_->io_bytes_max = io_bytes_for_tests();
  shared_->to_control = [this](std::function<void()> work) { asio::post(context_, std::move(work)); };
  workers_.emplace(*shared_);
  data_path_.emplace(*workers_);
  return {};
}

Expected<void> Daemon::open_control() {
  alarms_.emplace(context_);
  ending_.emplace(Ending::Parts{.workers = *workers_,
                                .alarms = *alarms_,
                                .handover = handover_,
                                .events = events_,
                                .is_cutting_over = [this] { return controller_->is_cutting_over(); }});
  descriptors_.emplace(*shared_, *alarms_, events_,
                       [this]() -> const config::Limits& { return controller_->config().limits; });
  certificates_.emplace(*alarms_, events_);
  if (auto read = certificates_->use(options_.configuration.values.listeners); !read) return read;
  renderer_.emplace(std::move(options_.configuration.pages), events_);
  watch_.emplace(context_, board_, events_,
                 upstream::ServerWatch::Listener{.addresses = [this](const upstream::ServerWatch::Addresses& a) {
                   workers_->set_addresses(a.server, a.slots);
                 }});
  controller_.emplace(control::Controller::Parts{
                          .workers = *data_path_,
                          .alarms = *alarms_,
                          .store = *store_,
                          .history = *history_,
                          .events = events_,
                          .load = [this] { return load(); },
                          .render = [this](const config::Site& site,
                                           const core::ModeState& mode) { return renderer_->render(site, mode); },
                          .boot_id = control::boot_id(),
                          .probe = [this](const auto& servers, const std::string& path,
                                          auto done) { probe_servers(*watch_, servers, path, std::move(done)); },
                          .served = [this](core::SiteId site) { return served_of(*registry_, site); },
                          .slice_writes = [this](core::SliceId id) { return slice_writes_of(*registry_, id); },
                          .forget_first_write = [this](core::SiteId site) { registry_->forget_first_write(site); },
                          .answered = [this](core::PoolId pool) { return answered_by(*registry_, pool); },
                          .passing = death_for_tests()},
                      options_.configuration.values);
  controller_->on_published([this](const core::Snapshot& snapshot, const config::Config& config) {
    descriptors_->share_out(config.limits);
    watch_->set_targets(targets_of(snapshot, config));
    use_certificates(config);
  });
  return controller_->start();
}

// The controller knows values; the pages that belong to them go to the renderer.
std::expected<config::Config, std::vector<config::Problem>> Daemon::load() {
  auto loaded = options_.load();
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  renderer_->use(std::move(loaded->pages));
  files_reread_ = true;
  return std::move(loaded->values);
}

// Not with each change of a mode: only a reload reads files.
void Daemon::use_certificates(const config::Config& config) {
  if (!std::exchange(files_reread_, false)) return;
  const auto used = certificates_->use(config.listeners);
  if (!used) events_.error("certificate_refused", {{"error", used.error().message}});
}

Expected<void> Daemon::open_admin() {
  const auto& server = options_.configuration.values.server;
  api_.emplace(admin::LiveApi::Parts{.controller = *controller_,
                                     .workers = *data_path_,
                                     .board = board_,
                                     .watch = *watch_,
                                     .registry = *registry_,
                                     .metrics = [this](auto done) { collect_metrics(std::move(done)); },
                                     .clients = [this] { return descriptors_->facts(); },
                                     .access_log = [this] { return access_log_->facts(); },
                                     .certificates = [this] { return certificates_->status(); },
                                     .kept_sockets = [this] { return handover_.facts(); },
                                     .ending = [this] { return ending_->sentence(base::SteadyClock::now()); },
                                     .started = started_});
  auto opened = admin::Server::open(context_, {.socket_path = server.admin_socket, .group = server.admin_group},
                                    *api_, events_);
  if (!opened) return std::unexpected(opened.error());
  admin_ = std::move(*opened);
  events_.listen([this](const base::Event&) {
    asio::post(context_, [this] {
      if (admin_) admin_->notify_events();
    });
  });
  if (server.metrics.empty()) return {};
  auto metrics = admin::MetricsListener::open(context_, server.metrics, *api_);
  if (!metrics) return std::unexpected(metrics.error());
  metrics_ = std::move(*metrics);
  return {};
}

Expected<void> Daemon::serve() {
  // The servers' addresses are with the workers before the first request is: both are posted, in this order.
  context_.poll();
  context_.restart();
  const auto doors = certificates_->doors();
  auto listening = workers_->listen(doors, handover_.claim(doors), handover_.can_keep());
  if (!listening) return std::unexpected(listening.error());
  handover_.settle(listening->opened);
  descriptors_->begin();
  shared_->descriptors_exhausted = [this] { asio::post(context_, [this] { descriptors_->exhausted(); }); };
  workers_->start();
  certificates_->watch([this](std::size_t listener, auto server) { workers_->speak(listener, server); });
  for (const auto& address : listening->addresses) events_.info("listening", {{"address", address}});
  handover_.serving();
  handover_.report(*alarms_);
  if (options_.serving) options_.serving(listening->addresses);
  signals_.add(SIGUSR1);
  wait_for_signal();
  mask_signals(SIG_UNBLOCK);
  context_.run();
  return {};
}

void Daemon::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    on_signal(signal);
    wait_for_signal();
  });
}

void Daemon::on_signal(int signal) {
  if (signal == SIGUSR1) {
    access_log_->reopen();
  } else if (signal == SIGHUP) {
    controller_->submit({.what = core::ReloadCommand{}, .actor = {.name = "SIGHUP"}},
                        {.done = [this](const control::Done& done) {
                          if (!done) say_refused(done.error());
                        }});
  } else {
    ending_->begin(controller_->config().server.shutdown_grace, [this] { finish(); });
  }
}

// A signal has no one to answer to but the event log.
void Daemon::say_refused(const control::Refusal& refusal) {
  std::string keys;
  for (const auto& key : refusal.keys) keys += (keys.empty() ? "" : ", ") + key;
  events_.error("reload_refused", {{"error", refusal.message}, {"keys", keys}});
  for (const auto& problem : refusal.problems) {
    events_.error("config_problem", {{"file", problem.file},
                                     {"line", std::to_string(problem.line)},
                                     {"key", problem.key},
                                     {"error", problem.message},
                                     {"suggestion", problem.suggestion}});
  }
}

void Daemon::finish() {
  mask_signals(SIG_BLOCK);  // a second one would end us with another status than 0
  controller_->stop();
  watch_->stop();
  certificates_->stop();
  if (metrics_) metrics_->close();
  admin_->close();
  events_.listen({});
  events_.info("stopped");
  // Answers of the admin socket that are under way have a moment; then the loop ends with whatever is left.
  context_.poll();
  context_.stop();
}

void Daemon::collect_metrics(std::function<void(std::string)> done) {
  const auto facts = MetricsFacts{.status = controller_->status(),
                                  .board = board_,
                                  .registry = *registry_,
                                  .access_log = *access_log_,
                                  .parked = shared_->parked,
                                  .drains = data_path_->drain_durations(),
                                  .workers = shared_->workers,
                                  .client_connections_max = shared_->census.limit(),
                                  .certificates = certificates_->status(),
                                  .sockets_kept = admin::are_kept(handover_.facts()),
                                  .started = started_};
  asio::post(context_, [text = obs::expose(expose_facts(facts)), done = std::move(done)] { done(text); });
}

}  // namespace

int run_daemon(DaemonOptions options) {
  Daemon daemon(std::move(options));
  auto served = daemon.start();
  if (served) served = daemon.serve();
  if (served) return 0;
  fmt::print(stderr, "proxyd: {}\n", served.error().message);
  return 1;
}

}  // namespace drawbridge::app
