#pragma once

#include "proxy/net/signal.h"

#include <boost/intrusive/list.hpp>

#include <cstdint>
#include <map>

namespace drawbridge::upstream {

// Requests that wait for room on the carriers of one server: first come, first served, in a line of its own for
// each set of rules for TLS (after a reload there may be two): none of them can board the others' carriers. Loop
// thread only.
class BoardingQueue {
 public:
  using Rules = const void*;  // H2Carrier::tls_maker()
  using Hook = boost::intrusive::list_base_hook<>;
  // At the front comes back who had left it.
  enum class At : std::uint8_t { back, front };
  // A request's place in its line. Whoever leaves the front makes those look who are first now.
  class Place : public Hook {
   public:
    Place(BoardingQueue& queue, Rules rules, net::Signal& told, At at)
        : queue_(queue), places_(queue.lines_[rules]), rules_(rules), told_(told) {
      places_.insert(at == At::front ? places_.begin() : places_.end(), *this);
    }
    ~Place() {
      const bool was_first = first();
      places_.erase(Places::s_iterator_to(*this));
      if (places_.empty()) queue_.lines_.erase(rules_);
      if (was_first) queue_.tell_first();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    bool first() const { return &places_.front() == this; }

   private:
    friend class BoardingQueue;
    BoardingQueue& queue_;
    boost::intrusive::list<Place, boost::intrusive::constant_time_size<false>>& places_;
    Rules rules_;
    net::Signal& told_;
  };

  bool empty() const { return lines_.empty(); }
  bool empty(Rules rules) const { return !lines_.contains(rules); }
  void tell_first() {
    for (auto& [rules, places] : lines_) places.front().told_.tell();
  }
  void tell_all() {
    for (auto& [rules, places] : lines_) {
      for (auto& place : places) place.told_.tell();
    }
  }

 private:
  using Places = boost::intrusive::list<Place, boost::intrusive::constant_time_size<false>>;
  std::map<Rules, Places> lines_;  // none is empty
};

}  // namespace drawbridge::upstream
