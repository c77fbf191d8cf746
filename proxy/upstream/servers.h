#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/balance.h"
#include "proxy/core/snapshot.h"
#include "proxy/net/buffer_pool.h"
#include "proxy/net/loop.h"
#include "proxy/net/signal.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"
#include "proxy/net/tls_client.h"
#include "proxy/obs/counters.h"
#include "proxy/upstream/boarding_queue.h"
#include "proxy/upstream/connection_budget.h"
#include "proxy/upstream/h2_carrier.h"
#include "proxy/upstream/health_board.h"
#include "proxy/upstream/server_seats.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::upstream {

class Servers;

// A connection to a server for the time of one exchange. Closes at its end unless keep() gave it back. In a pool
// that speaks HTTP/2 it is a seat on a carrier, which stays.
class Lease {
 public:
  Lease() = default;
  ~Lease() { reset(); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  explicit operator bool() const { return stream_ != nullptr || carrier_ != nullptr; }
  net::Stream& stream() const { return *stream_; }
  H2Carrier* carrier() const { return carrier_; }  // null: it is a stream
  core::ServerId server() const { return server_; }
  std::size_t slot() const { return slot_; }
  // On the carrier: the one stream of this lease, as of H2Session::request().
  std::optional<http::H2StreamId> open_stream(const http::H2Session::Ask& ask, http::H2StreamUser& user);
  // It has carried an exchange before: it may have gone stale. A carrier has if it is over.
  bool reused() const { return reused_ && (carrier_ == nullptr || carrier_->over()); }

  // The exchange ended cleanly: the connection may carry another.
  void keep(const core::PoolView& pool);
  void reset();

 private:
  friend class Servers;
  bool hold(Servers& servers, const core::PoolServer& server);  // false: the server has all it may
  bool held() const { return servers_ != nullptr; }
  void leave_server();

  Servers* servers_ = nullptr;
  core::ServerId server_ = 0;
  std::size_t slot_ = 0;
  std::uint32_t generation_ = 0;  // of the server's addresses when it was leased
  bool reused_ = false;
  bool seated_ = false;  // counts for the server's bound
  bool opened_ = false;  // its stream on the carrier
  std::string greeting_;
  std::unique_ptr<net::Stream> stream_;
  H2Carrier* carrier_ = nullptr;
};

// Servers that this request has asked in vain, by their place in the pool; the first 64 places are told apart.
class Tried {
 public:
  // The request is to end: no server is asked any more, and who waits for a connection is told at once.
  void give_up();
  bool given_up() const { return given_up_; }

  // Who is being asked for a connection.
  std::optional<core::ServerId> asked() const { return asked_; }

  void add(std::size_t place) { bits_ |= bit(place); }
  bool has(std::size_t place) const { return (bits_ & bit(place)) != 0; }

 private:
  static std::uint64_t bit(std::size_t place) { return place < 64 ? std::uint64_t{1} << place : 0; }
  friend class Servers;
  std::uint64_t bits_ = 0;
  bool given_up_ = false;
  std::optional<core::ServerId> asked_;
  net::Stream* dialled_ = nullptr;  // being connected
  bool reported_ = false;           // the failure was, by another request
  net::Signal* waiting_ = nullptr;  // for a connection that another request makes
};

// How a lease is wanted.
struct LeaseWish {
  bool fresh = false;         // a new connection: the last attempt met a stale one
  bool certain = false;       // a kept connection is looked at right before its use: for writes
  std::string greeting = {};  // what it has begun with, or begins with; not in pools that speak HTTP/2
};

// The upstream side of one worker: addresses, kept connections and load of each server. Worker thread only.
class Servers final : private net::Deadline::Owner, private H2Carrier::Owner {
 public:
  Servers(net::Loop& loop, net::BufferPool& buffers, HealthBoard& board, ServerSeats& seats,
          ConnectionBudget& budget, obs::Counters& counters);
  ~Servers();
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;

  // The resolver's word, posted to this worker; none: the server is not watched any more.
  void set_addresses(core::ServerId server, std::optional<EndpointSlots> slots);

  struct Chosen {
    std::size_t place = 0;                  // in pool.servers
    std::chrono::microseconds connect{-1};  // of a new connection; negative: a kept one
  };
  // Into `lease`, which is empty, a connection to the server that balancing chooses among those not tried. A server
  // that cannot be connected to is reported, added to `tried` and the next one is asked. Fails with no_server when
  // none is left, or with the failure of the last attempt. Where only servers are left that nothing was heard of
  // yet, it waits for that. All that is given outlives the task.
  net::Task<base::Result<Chosen>> lease(const core::PoolView& pool, Tried& tried, const LeaseWish& wish,
                                        Lease& lease);

  // Told of each handshake with a server that failed, and why, in words.
  using TlsFailed =
      std::function<void(const core::PoolView& pool, const core::PoolServer& server, const std::string& error)>;
  void on_tls_failed(TlsFailed listener) { tls_failed_ = std::move(listener); }

  // The server sent what no request had asked for: for an hour from now on its kept connections are looked at right
  // before their use, whatever they are to carry.
  void strayed(core::ServerId id);
  // Told of each.
  void on_strayed(std::function<void(core::ServerId)> listener) { strayed_ = std::move(listener); }

  // A snapshot was published: to servers of pools that no site uses no connection is kept, so that they can be
  // switched off.
  void keep_only(const std::vector<const core::PoolView*>& pools);
  // Closes all kept connections: somebody else needs the descriptors.
  void shed_idle();
  // Shutdown: closes all kept connections and keeps none from now on.
  void close_idle();

  // Whether another server of the pool, none of those tried, could be asked now.
  bool others_can_answer(const core::PoolView& pool, std::size_t place, const Tried& tried = {}) const;

  HealthBoard& board() { return board_; }
  obs::Counters& counters() { return counters_; }

 private:
  friend class Lease;
  struct Idle {
    std::unique_ptr<net::Stream> stream;
    std::size_t slot = 0;
    base::SteadyTime expires;
    std::string greeting;  // what it began with: it serves only who would begin with the same

    void swap(Idle& other) noexcept;
  };
  struct Server {
    EndpointSlots slots;
    bool told = false;             // its addresses, or that it has none
    std::uint32_t generation = 0;  // grows when an address in `slots` goes away: a lease may be of the old one
    std::vector<Idle> idle;        // last used at the back
    net::TlsMemory tls;            // outlives its connections: leases end before the worker does
    std::uint32_t in_flight = 0;
    std::size_t next_slot = 0;
    std::vector<H2Carrier*> carriers;  // they own themselves
    bool dialling = false;             // one more
    std::optional<base::Failure> dial_failure;
    BoardingQueue::Rules dialled_by = nullptr;  // by these
    BoardingQueue queue;                        // for it, or for room on the others
    std::optional<std::uint32_t> streams_max;   // what it took on the carrier that went last
    bool kept = true;                           // connections to it are
  };
  // Where a carrier would be dialled: at another address if the server's have changed meanwhile.
  struct Boarding {
    const core::PoolServer& server;
    std::size_t& slot;
  };

  Server& server(core::ServerId id);
  void left(core::ServerId id);                              // an exchange with it has ended
  bool may_get(const core::PoolServer& target, bool tried);  // one more request
  std::optional<std::size_t> choose(const core::PoolView& pool, const Tried& tried);
  bool awaits_word(const core::PoolView& pool, const Tried& tried, std::optional<std::size_t> chosen);
  net::Task<std::optional<std::size_t>> choose_later(const core::PoolView& pool, Tried& tried);
  std::optional<std::size_t> choose_slot(Server& server, EndpointMask usable);
  bool take_kept(const core::PoolView& pool, std::size_t place, Tried& tried, const LeaseWish& wish, Lease& lease);
  net::Task<base::Result<Chosen>> lease_later(const core::PoolView& pool, Tried& tried, const LeaseWish& wish,
                                              Lease& lease, std::optional<std::size_t> place);
  bool make_room_to_keep(const core::PoolView& pool, Server& server, const Lease& lease);
  std::unique_ptr<net::Stream> take_idle(const core::PoolView& pool, Server& server, EndpointMask usable,
                                         bool certain, Lease& lease);
  net::Task<base::Result<std::unique_ptr<net::Stream>>> dial(const core::PoolView& pool,
                                                             const core::PoolServer& wanted, net::Endpoint endpoint,
                                                             Tried& tried, std::string_view greeting);
  net::UniqueFd open_socket(const net::Endpoint& endpoint);
  net::Task<base::Result<void>> connect(const core::PoolView& pool, const core::PoolServer& wanted,
                                        std::size_t& slot, Tried& tried, Lease& lease);
  net::Task<base::Result<H2Carrier*>> board_carrier(const core::PoolView& pool, Boarding boarding, Tried& tried);
  struct Turn {
    core::ServerId server;
    base::SteadyTime until;
    BoardingQueue::At at;
  };
  net::Task<base::Result<H2Carrier*>> wait_for_turn(const core::PoolView& pool, Turn turn, Tried& tried);
  net::Task<base::Result<H2Carrier*>> dial_carrier(const core::PoolView& pool, Boarding boarding, Tried& tried);
  bool may_dial(core::ServerId id);
  bool take_seat(const core::PoolView& pool, core::ServerId id, Lease& lease);
  void enter_carrier(H2Carrier& carrier, Lease& lease);
  void leave_carrier(H2Carrier& carrier, bool opened);
  H2Carrier* find_carrier(const core::PoolView& pool, core::ServerId id);
  void retire_carriers(Server& server, bool unused_only);
  void carrier_gone(H2Carrier& carrier) override;
  void carrier_changed(H2Carrier& carrier) override;
  bool carrier_awaited(const H2Carrier& carrier) const override;
  void hear_out(core::ServerId id, net::Stream& stream);
  void closed(std::size_t connections);
  void deadline_passed(net::Deadline& deadline) override;

  net::Loop& loop_;
  net::BufferPool& buffers_;
  HealthBoard& board_;
  ServerSeats& seats_;
  ConnectionBudget& budget_;
  obs::Counters& counters_;
  std::vector<std::unique_ptr<Server>> servers_;  // by ServerId
  std::vector<core::BalanceState> balance_;       // by PoolId
  std::vector<core::Candidate> candidates_;
  std::vector<net::Signal*> newcomers_;  // who wait for the first word of a server
  TlsFailed tls_failed_;
  std::function<void(core::ServerId)> strayed_;
  net::Deadline sweep_;
  bool closing_ = false;
};

}  // namespace drawbridge::upstream
