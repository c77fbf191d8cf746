#include "proxy/control/changes.h"

#include "proxy/control/change_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

constexpr base::Millis look_interval{1'000};
constexpr std::size_t shown_oldest_max = 3;

void sort_oldest_first(std::vector<core::OpenRequest>& requests) {
  std::ranges::sort(requests, [](const auto& a, const auto& b) { return a.age > b.age; });
}

bool includes(core::ClassMask all, core::ClassMask some) {
  return (all.bits & some.bits) == some.bits;
}

}  // namespace

struct Changes::Change {
  std::uint64_t id = 0;
  ChangeOrder order;
  Completion completion;
  Drain drain;
  base::SteadyTime published;
  base::SteadyTime told;
  std::vector<core::SiteId> promised;  // sites that no later change took back
  Alarms::Id deadline = 0;
  Alarms::Id next_look = 0;
  Workers::OpenList open;  // as of the last look
};

Changes::Changes(Workers& workers, Alarms& alarms, base::EventLog& events, Listener listener)
    : workers_(workers),
      alarms_(alarms),
      events_(events),
      listener_(std::move(listener)),
      self_(std::make_shared<Changes*>(this)) {}

Changes::~Changes() {
  for (const auto& [id, change] : changes_) {
    workers_.forget(id);
    alarms_.cancel(change->deadline);
    alarms_.cancel(change->next_look);
  }
}

template <class Call>
auto Changes::for_change(std::uint64_t id, Call call) {
  return [weak = std::weak_ptr(self_), id, call = std::move(call)](auto&&... values) {
    const auto self = weak.lock();
    if (!self) return;
    const auto found = (*self)->changes_.find(id);
    if (found == (*self)->changes_.end()) return;
    call(**self, *found->second, std::forward<decltype(values)>(values)...);
    (*self)->sweep_soon();
    (*self)->listener_.moved();
  };
}

void Changes::start(ChangeOrder order, Completion completion) {
  const auto id = ++last_id_;
  const auto now = alarms_.now().steady;
  const bool waits = order.waits();
  auto change = std::make_unique<Change>(Change{.id = id,
                                                .order = std::move(order),
                                                .completion = std::move(completion),
                                                .drain = Drain({}, now, waits, false),
                                                .published = now,
                                                .told = now,
                                                .promised = {},
                                                .deadline = 0,
                                                .next_look = 0,
                                                .open = {}});
  change->drain = Drain(change->order.receipt, now, waits, change->order.cut);
  if (!change->order.at_server) change->promised = change->order.site_ids;
  auto& started = *changes_.emplace(id, std::move(change)).first->second;
  // Before the fence is posted, so that the stages are told in their order.
  alarms_.post(for_change(id, [](Changes& self, Change& one) { self.tell(one, Stage::published); }));
  watch(started);
}

void Changes::watch(Change& change) {
  const auto id = change.id;
  const auto& order = change.order;
  const auto on_deadline = [](Changes& self, Change& one) {
    self.perform(one, one.drain.on_deadline(self.alarms_.now().steady));
  };
  const auto on_fenced = [](Changes& self, Change& one, const core::ClassCounts& open, base::SteadyTime passed) {
    self.fenced(one, open, passed);
  };
  const auto on_drained = [](Changes& self, Change& one, const core::ClassCounts& ended) {
    self.drained(one, ended);
  };
  const auto on_earlier = [](Changes&, Change& one, const core::UnknownWrites& writes) {
    if (one.order.classes.has(core::RequestClass::write) && !one.order.at_server) one.drain.on_earlier(writes);
  };
  const auto on_unknown = [](Changes&, Change& one, const core::OpenRequest& request) {
    one.drain.on_unknown(request);
  };
  if (order.classes.bits != 0) {
    change.deadline = alarms_.at(change.published + order.drain_timeout, for_change(id, on_deadline));
  }
  core::DrainScope scope{.epoch = order.receipt.epoch,
                         .sites = order.site_ids,
                         .classes = order.classes,
                         .spare_read_tunnels = order.spare_read_tunnels,
                         .moved_by = order.moved_by,
                         .exempt_too = order.exempt_too,
                         .at_server = order.at_server};
  scope.sites.insert(scope.sites.end(), order.retired_ids.begin(), order.retired_ids.end());
  workers_.fence(id, scope, order.hurries_tunnels ? base::Millis(0) : order.tunnel_spread,
                 {.earlier = for_change(id, on_earlier),
                  .fenced = for_change(id, on_fenced),
                  .unknown = for_change(id, on_unknown),
                  .drained = for_change(id, on_drained)});
}

// Until we hear of it is our own time: it is not what the receipt tells.
void Changes::fenced(Change& change, const core::ClassCounts& open, base::SteadyTime passed) {
  const auto action = change.drain.on_fenced(open, passed);
  tell(change, Stage::fenced);
  perform(change, action);
  if (change.drain.is_over() || open.total() == 0) return;
  look(change);
  if (!change.order.hurries_tunnels || open[core::RequestClass::tunnel] == 0) return;
  alarms_.at(
      alarms_.now().steady + ChangeOrder::tunnel_hurry,
      for_change(change.id, [](Changes& self, Change& one) { self.perform(one, one.drain.on_tunnels_late()); }));
}

void Changes::drained(Change& change, const core::ClassCounts& ended) {
  if (change.drain.is_over() && !change.drain.has_drained()) {
    events_.info("drain_ended_late", {{"epoch", fmt::to_string(change.order.receipt.epoch)}});
  }
  perform(change, change.drain.on_drained(ended, alarms_.now().steady));
}

void Changes::perform(Change& change, Drain::Action action) {
  const auto on_cut = for_change(change.id, [](Changes& self, Change& one, Workers::OpenList list) {
    sort_oldest_first(list.requests);
    self.perform(one, one.drain.on_cut(std::move(list), self.alarms_.now().steady));
  });
  const auto on_listed = for_change(change.id, [](Changes& self, Change& one, Workers::OpenList list) {
    sort_oldest_first(list.requests);
    one.open = list;
    self.perform(one, one.drain.on_listed(std::move(list), self.alarms_.now().steady));
  });
  const auto on_grace_over = for_change(change.id, [](Changes& self, Change& one) {
    self.perform(one, one.drain.on_grace_over(self.alarms_.now().steady));
  });
  switch (action) {
    case Drain::Action::none:
      return;
    case Drain::Action::cut_all:
      return workers_.cut(change.id, false, on_cut);
    case Drain::Action::cut_tunnels:
      return workers_.cut(change.id, true, on_cut);
    case Drain::Action::list:
      return workers_.list_open(change.id, on_listed);
    case Drain::Action::await_departure:
      alarms_.at(alarms_.now().steady + Drain::departure_grace, on_grace_over);
      return;
    case Drain::Action::finish:
      return finish(change);
  }
}

void Changes::finish(Change& change) {
  alarms_.cancel(change.deadline);
  log_end(events_, change.drain.receipt());
  auto receipt = change.drain.receipt();
  if (change.order.at_server && receipt.outstanding_counts.total() > 0) {
    receipt.at_server = receipt.outstanding_counts.total();
  }
  if (change.completion.done) {
    alarms_.post([done = std::move(change.completion.done), receipt] { done(receipt); });
  }
  change.completion = {};
  listener_.ended(receipt, change.order.actor);
}

// What is open is asked for once a second: the only way to know how far a drain is without counting on each
// request.
void Changes::look(Change& change) {
  workers_.list_open(change.id, for_change(change.id, [](Changes& self, Change& one, Workers::OpenList list) {
                       sort_oldest_first(list.requests);
                       one.open = std::move(list);
                       if (one.drain.is_fenced()) self.tell(one, Stage::draining);
                       self.poll(one);
                     }));
}

void Changes::supersede_server(const std::string& what, const std::string& by_what) {
  for (const auto& [id, change] : changes_) {
    if (!change->order.at_server || change->order.receipt.what != what) continue;
    perform(*change,
            change->drain.on_superseded(fmt::format("superseded by {}", by_what), true, alarms_.now().steady));
  }
  sweep_soon();
}

void Changes::poll(Change& change) {
  alarms_.cancel(change.next_look);
  change.next_look = alarms_.at(alarms_.now().steady + look_interval,
                                for_change(change.id, [](Changes& self, Change& one) { self.look(one); }));
}

void Changes::tell(Change& change, Stage stage) {
  if (!change.completion.progress) return;
  Progress progress;
  progress.stage = stage;
  progress.epoch = change.order.receipt.epoch;
  progress.elapsed = std::chrono::duration_cast<base::Millis>(alarms_.now().steady - change.published);
  if (change.order.waits()) progress.timeout = change.order.drain_timeout;
  if (stage == Stage::fenced) progress.open = change.drain.open_at_fence();
  if (stage == Stage::draining) {
    progress.open = change.open.counts;
    const auto shown = std::min(change.open.requests.size(), shown_oldest_max);
    progress.oldest.assign(change.open.requests.begin(),
                           change.open.requests.begin() + static_cast<std::ptrdiff_t>(shown));
  }
  if (change.order.at_server) progress.at_server = progress.open.total();
  change.completion.progress(progress);
}

// Later, not at once: we may stand inside a callback that the workers keep beside what forget() removes.
void Changes::sweep_soon() {
  if (std::exchange(sweeps_, true)) return;
  alarms_.post([weak = std::weak_ptr(self_)] {
    const auto self = weak.lock();
    if (!self) return;
    (*self)->sweeps_ = false;
    (*self)->drop_over();
  });
}

// A change that told its end stays only while a site of its own still has something of it open.
void Changes::drop_over() {
  std::erase_if(changes_, [this](const auto& entry) {
    auto& change = *entry.second;
    if (!change.drain.is_over() || (!change.drain.has_drained() && !change.promised.empty())) return false;
    workers_.forget(entry.first);
    alarms_.cancel(change.next_look);
    return true;
  });
}

void Changes::supersede(core::SiteId site, const std::string& name, core::ClassMask classes,
                        const std::string& by_what) {
  for (const auto& [id, change] : changes_) {
    if (!concerns(*change, site) || !change->order.left.empty()) continue;
    if (!includes(classes, change->order.classes)) {
      take_back(*change, site, name, by_what);
    } else if (change->drain.is_over()) {
      std::erase(change->promised, site);
    }
  }
  sweep_soon();
}

void Changes::supersede_retirement(core::SiteId site, const std::string& name, const PoolsOf& pools,
                                   const std::string& by_what) {
  for (const auto& [id, change] : changes_) {
    const auto& order = change->order;
    if (order.left.empty() || !concerns(*change, site)) continue;
    const auto now = pools(order.match);
    if (std::ranges::find_first_of(order.left, now) != order.left.end()) take_back(*change, site, name, by_what);
  }
  sweep_soon();
}

void Changes::supersede_change(core::SiteId site, const std::string& name, const std::string& what,
                               const std::string& by_what) {
  for (const auto& [id, change] : changes_) {
    if (concerns(*change, site) && change->order.receipt.what == what) take_back(*change, site, name, by_what);
  }
  sweep_soon();
}

void Changes::take_back(Change& change, core::SiteId site, const std::string& name, const std::string& by_what) {
  std::erase(change.promised, site);
  if (change.drain.is_over()) return;
  const auto note = fmt::format("{}: superseded by {}", name, by_what);
  perform(change, change.drain.on_superseded(note, change.promised.empty(), alarms_.now().steady));
}

bool Changes::is_full_of_marks() const {
  return std::ranges::count_if(changes_, [](const auto& entry) {
           return entry.second->order.at_server || entry.second->order.moved_by;
         }) >= marking_max;
}

bool Changes::concerns(const Change& change, core::SiteId site) const {
  return std::ranges::find(change.promised, site) != change.promised.end();
}

bool Changes::is_fenced(core::SiteId site) const {
  return std::ranges::none_of(changes_, [&](const auto& entry) {
    return !entry.second->drain.is_fenced() && concerns(*entry.second, site);
  });
}

bool Changes::is_drained(core::SiteId site) const {
  return std::ranges::none_of(changes_, [&](const auto& entry) {
    return !entry.second->drain.has_drained() && concerns(*entry.second, site);
  });
}

std::optional<Draining> Changes::draining(core::SiteId site) const {
  const Change* latest = nullptr;
  for (const auto& [id, change] : changes_) {
    if (!change->drain.has_drained() && concerns(*change, site)) latest = change.get();
  }
  if (latest == nullptr) return std::nullopt;
  const auto& receipt = latest->order.receipt;
  Draining draining;
  draining.what = receipt.what;
  draining.epoch = receipt.epoch;
  draining.since = receipt.published_at;
  draining.elapsed = std::chrono::duration_cast<base::Millis>(alarms_.now().steady - latest->published);
  draining.left = std::max(base::Millis(0), latest->order.drain_timeout - draining.elapsed);
  if (receipt.sites.size() == 1) {
    draining.open = latest->open.counts;
    return draining;
  }
  const auto index = std::ranges::find(latest->order.site_ids, site) - latest->order.site_ids.begin();
  for (const auto& request : latest->open.requests) {
    if (request.site == receipt.sites[static_cast<std::size_t>(index)]) ++draining.open[request.request_class];
  }
  return draining;
}

void Changes::stop() {
  for (const auto& [id, change] : changes_) {
    if (!change->completion.done) continue;
    Refusal ends{
        .code = RefusalCode::shutting_down,
        .message = fmt::format("proxyd is ending; the change was made (epoch {}) and stays, its drain was not "
                               "waited for",
                               change->order.receipt.epoch)};
    alarms_.post(
        [done = std::move(change->completion.done), ends = std::move(ends)] { done(std::unexpected(ends)); });
    change->completion = {};
  }
}

}  // namespace drawbridge::control
