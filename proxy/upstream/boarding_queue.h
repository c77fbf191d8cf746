#pragma once

#include "proxy/net/signal.h"

#include <boost/intrusive/list.hpp>

#include <cstdint>

namespace drawbridge::upstream {

// Requests that wait for room on the carriers of one server: first come, first served. Loop thread only.
class BoardingQueue {
 public:
  using Hook = boost::intrusive::list_base_hook<>;
  // At the front comes back who had left it.
  enum class At : std::uint8_t { back, front };
  // A request's place in it. Whoever leaves the front makes the next one look.
  class Place : public Hook {
   public:
    Place(BoardingQueue& queue, net::Signal& told, At at) : queue_(queue), told_(told) {
      queue_.places_.insert(at == At::front ? queue_.places_.begin() : queue_.places_.end(), *this);
    }
    ~Place() {
      const bool was_first = first();
      queue_.places_.erase(Places::s_iterator_to(*this));
      if (was_first) queue_.tell_first();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    bool first() const { return &queue_.places_.front() == this; }

   private:
    friend class BoardingQueue;
    BoardingQueue& queue_;
    net::Signal& told_;
  };

  bool empty() const { return places_.empty(); }
  void tell_first() {
    if (!places_.empty()) places_.front().told_.tell();
  }
  void tell_all() {
    for (auto& place : places_) place.told_.tell();
  }

 private:
  using Places = boost::intrusive::list<Place, boost::intrusive::constant_time_size<false>>;
  Places places_;
};

}  // namespace drawbridge::upstream
