#pragma once

#include "proxy/base/time.h"
#include "proxy/core/snapshot.h"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace drawbridge::core {

// The place of a request among all that came to wait, on whichever worker.
using Ticket = std::uint64_t;

// The turn of one request, of one worker, to go on when its hold is over.
class Turn {
 public:
  Turn() = default;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Before it joins an order.
  void stand_at(Ticket ticket, std::size_t worker) { ticket_ = ticket, worker_ = worker; }
  std::size_t worker() const { return worker_; }

 protected:
  ~Turn() = default;  // in no order any more

 private:
  friend class ReleaseOrder;
  enum class State : std::uint8_t { out, waits, called, goes };
  boost::intrusive::set_member_hook<> among_waiting_;
  boost::intrusive::list_member_hook<> among_called_;
  Ticket ticket_ = 0;
  std::size_t worker_ = 0;
  State state_ = State::out;
};

// Those of one site whose hold is over, on all workers: called first come, first served, at the site's
// release_per_second. Who is called together goes on at the same time; before anybody else is called, each of them
// has been decided anew. Whoever left or may not go stands in nobody's way. No clock and no lock of its own.
class ReleaseOrder {
 public:
  // What was not used of the pace is kept for so long: a short queue goes at once.
  static constexpr base::Millis kept{64};
  // Most that are called together.
  static std::size_t together_max(double per_second);

  void set_pace(double per_second) { per_second_ = per_second; }
  // It may go on, when it is called; `leave` when it was decided anew, may not go on any more, or ended otherwise.
  void join(Turn& turn);
  void leave(Turn& turn);

  // Calls who is next, as far as the pace allows, and marks their workers.
  void call_due(base::SteadyTime now, std::vector<bool>& called_workers);
  // The next of this worker's that are called, in their order; null: none. It goes on now.
  Turn* take(std::size_t worker);

 private:
  struct ByTicket {
    using type = Ticket;
    type operator()(const Turn& turn) const { return turn.ticket_; }
  };
  using Waiting = boost::intrusive::multiset<
      Turn, boost::intrusive::member_hook<Turn, boost::intrusive::set_member_hook<>, &Turn::among_waiting_>,
      boost::intrusive::key_of_value<ByTicket>>;
  using Called = boost::intrusive::list<
      Turn, boost::intrusive::member_hook<Turn, boost::intrusive::list_member_hook<>, &Turn::among_called_>>;

  Called& called_of(std::size_t worker);
  void earn(base::SteadyTime now);

  Waiting waiting_;
  std::vector<Called> called_;       // by worker
  std::size_t not_yet_decided_ = 0;  // that were called
  double per_second_ = HoldSpec{}.release_per_second;
  double allowance_ = 0;  // of calls, now
  base::SteadyTime counted_at_;
};

// Where those whose hold is over get their turn; a lot knows no more of it.
class ReleaseLine {
 public:
  // As ReleaseOrder has them.
  virtual void join(SiteId site, Turn& turn) = 0;
  virtual void leave(SiteId site, Turn& turn) = 0;
  virtual Turn* take(SiteId site, std::size_t worker) = 0;

 protected:
  ~ReleaseLine() = default;
};

// The orders of all sites, and the workers among whom they are. One thread at a time.
class Release final : public ReleaseLine {
 public:
  // A worker begins, and ends. `wake` is called when somebody of it was called; it only posts.
  void attend(std::size_t worker, std::function<void()> wake);
  void depart(std::size_t worker) { attendants_[worker] = {}; }

  void join(SiteId site, Turn& turn) override { orders_[site].join(turn); }
  void leave(SiteId site, Turn& turn) override { orders_[site].leave(turn); }
  Turn* take(SiteId site, std::size_t worker) override;
  void set_pace(SiteId site, double per_second) { orders_[site].set_pace(per_second); }

  // The worker has said of all its requests whether they may go on by the snapshot of this epoch. While workers go
  // by different ones nobody is called: an earlier request may be about to join.
  void reviewed(std::size_t worker, std::uint64_t epoch) { attendants_[worker].epoch = epoch; }
  // Calls who is next on any worker, and wakes the others.
  void call_due(std::size_t caller, base::SteadyTime now);

 private:
  struct Attendant {
    std::function<void()> wake;  // none: departed
    std::uint64_t epoch = 0;
  };
  bool agree() const;

  std::map<SiteId, ReleaseOrder> orders_;
  std::vector<Attendant> attendants_;  // by worker
  std::vector<bool> called_workers_;
};

}  // namespace drawbridge::core
