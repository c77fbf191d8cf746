#pragma once

#include "proxy/base/limits.h"
#include "proxy/base/time.h"
#include "proxy/core/mode.h"
#include "proxy/core/placement.h"
#include "proxy/core/plan.h"
#include "proxy/core/snapshot.h"
#include "proxy/core/unknown_writes.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::core {

// Which requests a fence is about: those of `sites` with a class in `classes`, admitted before `epoch`. Exempt ones
// are not meant (DESIGN: exempt rules are forwarded in every mode), unless `exempt_too` says so. A request that a
// reload has met in flight is meant if it is so by the rules that let it in or by those of the last reload.
struct DrainScope {
  std::uint64_t epoch = 0;
  std::vector<SiteId> sites;
  ClassMask classes;
  bool spare_read_tunnels = false;  // tunnels that a read rule names stay (readonly, hold writes)
  // Only what this sends to another pool than it is on; null: all. Shared by the fences of all workers: immutable.
  std::shared_ptr<const Placement> moved_by;
  bool exempt_too = false;  // a pool, or a server, is to be left by all
  // Only what is at this server when the fence passes; it must get nothing new by then.
  std::optional<ServerId> at_server = {};

  bool marks() const { return moved_by || at_server; }
};

struct ClassCounts {
  std::array<std::uint64_t, request_class_count> by_class{};

  std::uint64_t& operator[](RequestClass c) { return by_class[static_cast<std::size_t>(c)]; }
  std::uint64_t operator[](RequestClass c) const { return by_class[static_cast<std::size_t>(c)]; }
  std::uint64_t total() const { return by_class[0] + by_class[1] + by_class[2]; }
  ClassCounts& operator+=(const ClassCounts& other) {
    for (std::size_t i = 0; i < by_class.size(); ++i) by_class[i] += other.by_class[i];
    return *this;
  }
};

// Requests that are still open: all counted, the oldest listed (at most limits::listed_requests_max a ledger).
struct OpenList {
  ClassCounts counts;
  ClassCounts untouched;  // of a cut: ended before any server saw a byte of them, and neither counted nor listed
  std::vector<OpenRequest> requests;

  std::size_t size() const { return requests.size(); }
  bool empty() const { return counts.total() == 0; }
};

class Ledger;

// What a drain asks of a request: whose it is and of which kind.
struct Standing {
  SiteId site = 0;
  bool any_site = false;  // servers may read its path as any site's
  RequestClass request_class = RequestClass::read;
  bool exempt = false;
  bool read_tunnel = false;  // a tunnel that a read rule names
};

// One admitted request: a member of the exchange that owns it, linked into the worker's ledger while in flight.
// Neither copied nor moved. Leaves the ledger in its destructor at the latest.
class Admission {
 public:
  // Told that this request must end now (cut at a drain deadline) or, for a tunnel, that it should close politely.
  // Called on the worker thread, each at most once; may leave(), itself or others, and must not destroy the
  // admission before it returns.
  class Owner {
   public:
    virtual void cut() = 0;
    virtual void told_to_go(base::SteadyTime at) = 0;  // tunnels only: close at `at`, at a frame boundary
    // Whether the request would be on another pool under `to`. Asked at a fence; yes where nobody can say.
    virtual bool moves(const Placement& to) const;
    // Whether a server has the request, or is being connected to for it. Likewise.
    virtual bool is_at(ServerId server) const;
    // Asked as it is cut: no server has seen a byte of it, nor will one from now on. No where nobody can say.
    virtual bool untouched() const;

   protected:
    ~Owner() = default;
  };

  Admission() = default;
  ~Admission() { leave(); }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  bool entered() const { return ledger_ != nullptr; }
  std::uint64_t epoch() const { return epoch_; }
  RequestClass request_class() const { return admitted_.request_class; }
  // It will leave without its upstream's whole answer: what a write did there is not known. A drain that waited for
  // it names it, and who asks later is told of it. `server` is who was sent it; valid until it has left.
  void outcome_unknown(base::SteadyTime now, std::string_view server = {});
  void leave();  // idempotent

 private:
  friend class Ledger;
  Ledger* ledger_ = nullptr;
  Admission* previous_ = nullptr;
  Admission* next_ = nullptr;
  Owner* owner_ = nullptr;
  std::uint64_t epoch_ = 0;
  Standing admitted_;
  Standing now_;  // under the rules of the last reload since
  bool answered_ = false;
  bool told_ = false;
  bool cut_ = false;
  bool untouched_ = false;  // when it was
  bool unknown_ = false;
  base::SteadyTime unknown_at_;
  std::string_view unknown_server_;
  std::uint64_t cut_by_ = 0;  // the drain that named it as cut
  std::uint32_t marks_ = 0;   // a bit for each drain of marked requests that means it
  base::SteadyTime since_;
  std::string_view id_;
  RequestFacts facts_;
  const std::string* site_name_ = nullptr;
};

// What enter() needs to know. The views and pointers must stay valid until the admission left.
struct Entry {
  std::uint64_t epoch = 0;
  SiteId site = 0;
  const std::string* site_name = nullptr;
  RequestClass request_class = RequestClass::read;
  bool exempt = false;
  bool read_tunnel = false;  // a tunnel that a read rule names
  bool answered = false;     // gets an answer of ours: keeps its snapshot alive, but no drain and no count knows it
  base::SteadyTime since;
  std::string_view id;  // request id
  RequestFacts facts;   // what it was decided by
  Admission::Owner* owner = nullptr;
};

// The requests in flight on one worker, in the order of admission, so also in the order of their epochs: the same
// list answers "what is left before this fence" and "which snapshots are still in use". Worker thread only. O(1) to
// enter and leave; a fence walks the list once.
class Ledger {
 public:
  // Learns when a drain has ended or old snapshots are free. Called inside leave(), fence() or published(), on the
  // worker; may call the ledger again.
  class Listener {
   public:
    // A write that the drain waited for has left and nobody knows what it did (and it was not listed as cut).
    virtual void ended_unknown(std::uint64_t drain_id, OpenRequest request) = 0;
    virtual void drained(std::uint64_t drain_id, const ClassCounts& ended) = 0;
    virtual void epochs_below_ended(std::uint64_t epoch) = 0;  // no admission with a smaller epoch is left
   protected:
    ~Listener() = default;
  };

  explicit Ledger(Listener& listener);
  ~Ledger();  // admissions still open leave in silence
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // The epoch must be that of the snapshot loaded just before, with no suspension in between: an entry older than a
  // fence that has passed would escape it, so it ends the process. Does not allocate.
  void enter(Admission& admission, const Entry& entry);

  // Starts to watch what `scope` means; returns what is open of it now. When nothing is (then before fence()
  // returns), or later when the last has left, the listener hears drained(drain_id, …) exactly once, and the drain
  // is forgotten.
  ClassCounts fence(std::uint64_t drain_id, const DrainScope& scope);
  // Cuts all that is left of a drain and lists it. The drain stays watched.
  // What it has cut is not listed again, by cut() or outstanding(), while it takes its time to leave.
  OpenList cut(std::uint64_t drain_id, base::SteadyTime now, bool tunnels_only);
  // What is left of a drain, oldest first.
  OpenList outstanding(std::uint64_t drain_id, base::SteadyTime now) const;
  // What is left of a drain by class, listed or not; nothing for a drain that has ended.
  ClassCounts left(std::uint64_t drain_id) const;
  // Tells the tunnels of a drain that were not told before to go, evenly spread over `spread` from now.
  void tell_tunnels(std::uint64_t drain_id, base::SteadyTime now, base::Millis spread);
  // The end of the process is near: cuts tunnels, and requests from before that time.
  void end_old(base::SteadyTime before);
  // Stops watching; the listener hears nothing more of this drain.
  void forget(std::uint64_t drain_id);

  // In flight by class of one site; oldest write (or tunnel-as-write) of it.
  ClassCounts in_flight(SiteId site) const;
  std::vector<OpenRequest> oldest(SiteId site, RequestClass request_class, base::SteadyTime now,
                                  std::size_t count_max) const;
  // Since when the oldest of all is that will end by itself: a tunnel does not.
  std::optional<base::SteadyTime> oldest_request() const;
  std::uint64_t total() const { return total_; }
  // Writes of these sites that have left, and whose outcome nobody knows.
  UnknownWrites unknown_writes(const std::vector<SiteId>& sites, base::SteadyTime now) const {
    return unknown_writes_.recent(sites, now);
  }

  // What was published last: listener hears epochs_below_ended when all older admissions have left. The first
  // snapshot after a reload judges anew what older rules let in: to which site and class it belongs now.
  void published(const Snapshot& snapshot);

 private:
  friend class Admission;
  struct Watch {
    std::uint64_t id = 0;
    DrainScope scope;
    std::uint32_t mark = 0;  // the bit of a drain of marked requests; 0: it means all that its scope says
    ClassCounts left;
    ClassCounts ended;
  };

  // A place in the list that stays valid while admissions leave around it.
  struct Cursor {
    Admission* next = nullptr;
    Cursor* outer = nullptr;
  };

  void leave(Admission& admission);
  void unlink(Admission& admission);
  static bool meant(const DrainScope& scope, const Standing& standing);
  // How the drain means the admission; null if it does not.
  static const Standing* meant(const Watch& watch, const Admission& admission);
  std::uint32_t mark(const DrainScope& scope);
  static void add(OpenList& list, const Watch& watch, const Admission& admission, base::SteadyTime now);
  static OpenRequest describe(const Admission& admission, RequestClass request_class, base::SteadyTime now);
  static OpenRequest describe_unknown(const Admission& admission, RequestClass request_class);
  void judge_anew(const Snapshot& snapshot);
  ClassCounts count(const Watch& watch) const;
  template <class Visit>
  void visit(const Watch& watch, Visit&& visit);
  void report_drained();
  void report_epochs();
  const Watch* find(std::uint64_t drain_id) const;

  Listener& listener_;
  Admission* first_ = nullptr;
  Admission* last_ = nullptr;
  std::uint64_t total_ = 0;
  std::uint64_t published_ = 0;
  std::uint64_t reported_ = 0;
  std::uint64_t rules_ = 0;   // Snapshot::rules_epoch that all admissions were judged by
  std::uint64_t fenced_ = 0;  // the largest epoch of a fence that has passed
  Cursor* cursors_ = nullptr;
  std::vector<ClassCounts> open_;
  std::vector<Watch> watches_;
  UnknownWriteMemory unknown_writes_;
};

}  // namespace drawbridge::core
