#pragma once

#include "pages/answers.h"
#include "proxy/base/event_log.h"
#include "proxy/base/ids.h"
#include "proxy/base/limits.h"
#include "proxy/core/ledger.h"
#include "proxy/core/snapshot.h"
#include "proxy/http/forwarded.h"
#include "proxy/net/buffer_pool.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "proxy/net/pipe.h"
#include "proxy/obs/access_log.h"
#include "proxy/obs/counters.h"
#include "proxy/serve/census.h"
#include "proxy/serve/connection.h"
#include "proxy/serve/door.h"
#include "proxy/serve/parking.h"
#include "proxy/serve/shared_release.h"
#include "proxy/serve/workspace.h"
#include "proxy/upstream/servers.h"

#include <boost/intrusive/list.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace drawbridge::serve {

class Connection;

// What the workers of a process share. All of it is immutable, atomic or made for many threads; outlives them.
struct Shared {
  Shared(upstream::HealthBoard& health, obs::Registry& counters, obs::AccessLog& log, base::EventLog& event_log)
      : board(health), registry(counters), access_log(log), events(event_log) {}

  std::atomic<const core::Snapshot*> published{nullptr};
  upstream::HealthBoard& board;
  obs::Registry& registry;
  obs::AccessLog& access_log;
  base::EventLog& events;
  std::size_t workers = 1;
  std::size_t io_bytes_max = static_cast<std::size_t>(-1);  // of one read or write: tests pass every state with 1
  std::chrono::milliseconds greeting_time{3'000};           // of a balancer, to say whom it speaks for
  Census census;
  upstream::ServerSeats seats;
  upstream::ConnectionBudget upstream_connections;
  std::atomic<std::size_t> pipes_max{base::limits::pipes_max};  // of each worker
  std::atomic<std::size_t> pipes_open{0};                       // of all
  core::ParkedCounts parked;
  SharedRelease release;  // of those
  pages::ErrorAnswers errors;
  // Hand a result to the control thread. Any thread.
  std::function<void(std::function<void()>)> to_control;
  // Somebody waits for a place and this worker has none to give: others may. Any worker's thread, also below.
  std::function<void()> places_wanted;
  // There was no descriptor to accept with: more are in use than was reckoned with.
  std::function<void()> descriptors_exhausted;
  // A drain of one worker ended; no admission of this worker is below an epoch any more. Called on worker threads.
  std::function<void(std::size_t worker, std::uint64_t drain_id, const core::ClassCounts&)> drained;
  // Before it: a write of that drain ended and nobody knows what it did.
  std::function<void(std::uint64_t drain_id, const core::OpenRequest&)> ended_unknown;
  std::function<void(std::size_t worker, std::uint64_t epoch)> epochs_ended;
};

// At shutdown: tunnels are told to go over some time, not all at once; and who has just come has a moment to send
// the first request.
struct Parting {
  std::chrono::milliseconds tunnel_spread{2'000};
  std::chrono::milliseconds newcomer_time{500};
};

// One thread of the data path with all that belongs to it: loop, listeners, ledger, upstream connections, counters,
// log lane. Everything but post() and the constructor runs on its thread.
class Worker final : private net::Listener::Handler, private core::Ledger::Listener, private net::Deadline::Owner {
 public:
  Worker(Shared& shared, std::size_t index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The thread's body: serves until shut down.
  void run();
  void post(std::function<void()> work) { loop_.post(std::move(work)); }  // any thread
  void run_posted() { loop_.run_posted(); }  // once run() has returned: what was posted too late

  // At one door more, with any number of sockets.
  void listen(std::vector<net::UniqueFd> sockets, const Door& door);
  void listen(net::UniqueFd fd, const Door& door = {});
  // What is spoken from now on at the door with this number, in the order of listen().
  void speak(std::size_t door, std::shared_ptr<const net::TlsServer> tls) { doors_[door].tls = std::move(tls); }
  // Stops accepting and closes what is idle; requests in flight go on. Then, at the end of the grace time, the
  // rest: what is cut has a moment to hear of it.
  void begin_shutdown(const Parting& parting = {});
  // Meanwhile: ends tunnels, requests from before that time, and those whose head or greeting has not come whole.
  void end_old(base::SteadyTime before);
  void end_all();

  net::Loop& loop() { return loop_; }
  WorkspacePool& workspaces() { return workspaces_; }
  net::BufferPool& buffers() { return buffers_; }
  http::H2Spare& h2_spare() { return h2_spare_; }
  // For large bodies; null while descriptors are scarce.
  net::Pipes* pipes() { return shared_.upstream_connections.scarce() ? nullptr : &pipes_; }
  core::Ledger& ledger() { return ledger_; }
  upstream::Servers& servers() { return servers_; }
  Parking& parking() { return parking_; }
  obs::Counters& counters() { return counters_; }
  obs::AccessLog::Lane& log() { return log_; }
  base::IdSource& ids() { return ids_; }
  Shared& shared() { return shared_; }
  bool stopping() const { return stopping_; }
  // Ends connections without a request, the oldest first, one for each client that waits for a place, at least one.
  // False if there was none, now or at the last look, which is never long ago.
  bool make_room();
  std::size_t index() const { return index_; }
  // A client's HTTP/2 connection was ended for what it did: counted, and said now and then.
  void h2_abused(std::string_view client, std::string_view bound);

  // What admissions are decided by now. Stays valid as long as an admission of its epoch is in the ledger.
  const core::Snapshot& snapshot() const { return *shared_.published.load(std::memory_order_acquire); }

  base::WallTime wall_now();     // of this turn
  std::string_view http_date();  // Date field of this second
  const core::AnswerSet& no_server_answers(const core::SiteView& site);

 private:
  bool may_accept(std::size_t listener, base::SteadyTime came) override;
  Patience kept_waiting(std::size_t listener, const net::Arrivals& waiting) override;
  void nobody_waits(std::size_t listener) override;
  void turned_away(net::UniqueFd client, std::size_t listener) override;
  void accepted(net::UniqueFd fd, const sockaddr_storage& peer, std::size_t listener,
                base::SteadyTime came) override;
  void accept_paused(int os_error) override;
  void ended_unknown(std::uint64_t drain_id, core::OpenRequest request) override;
  void drained(std::uint64_t drain_id, const core::ClassCounts& ended) override;
  void epochs_below_ended(std::uint64_t epoch) override;
  void deadline_passed(net::Deadline& deadline) override;
  bool reads_at_once();
  void welcome(net::UniqueFd fd, const http::ProxyParties& parties, const Door& door, Census::Seat seat,
               base::SteadyTime came);
  std::size_t end_idle(std::size_t most);
  struct Greeting : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    Greeting(net::Loop& loop, net::UniqueFd fd) : stream(loop, std::move(fd), base::Fault::client) {}
    net::Stream stream;
  };
  // A balancer's connection: its greeting says whom it speaks for.
  net::Task<> introduce(net::UniqueFd fd, http::SocketAddress balancer, const Door& door, Census::Seat seat);
  using Heard = base::Result<std::optional<http::ProxyParties>>;
  net::Task<Heard> greeting_of(net::UniqueFd& fd);
  void greeting_refused(const http::IpAddress& balancer, std::string_view reason);
  void server_strayed(core::ServerId server);
  void server_not_trusted(const core::PoolView& pool, const core::PoolServer& server, const std::string& error);

  Shared& shared_;
  std::size_t index_;
  obs::Counters& counters_;
  obs::AccessLog::Lane& log_;
  net::Loop loop_;
  net::BufferPool buffers_;
  http::H2Spare h2_spare_{base::limits::h2_spare_bytes};
  net::Pipes pipes_{shared_.pipes_max, shared_.pipes_open};
  WorkspacePool workspaces_;
  core::Ledger ledger_;
  upstream::Servers servers_;
  Parking parking_;
  base::IdSource ids_;
  std::deque<Door> doors_;            // connections look at them
  std::vector<std::size_t> door_of_;  // by the number of the listener
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> connections_;
  boost::intrusive::list<Greeting, boost::intrusive::constant_time_size<false>> greetings_;
  std::map<core::SiteId, std::shared_ptr<const core::AnswerSet>> no_server_;
  bool stopping_ = false;
  Parting parting_;
  std::uint64_t read_turn_ = 0;  // in which so many new connections were read at once
  std::size_t read_in_turn_ = 0;
  net::Deadline newcomers_;   // end of what connections without a request have at shutdown
  net::Deadline last_words_;  // and of what those that end_all() has cut have to take their answers
  base::SteadyTime room_made_at_{};
  bool room_made_ = false;
  base::SteadyTime pause_said_{}, greeting_said_{}, abuse_said_{};
  std::map<core::ServerId, base::SteadyTime> tls_failures_said_, strays_said_;  // when last, of each server
  base::SteadyTime wall_read_{};
  base::WallTime wall_now_{};
  std::chrono::seconds date_second_{-1};
  std::array<char, 29> date_{};
};

}  // namespace drawbridge::serve
