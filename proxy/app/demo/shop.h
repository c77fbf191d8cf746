#pragma once

#include "proxy/base/time.h"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace drawbridge::demo {

// One of the two shops: what it calls itself and the colour of its badge.
struct Version {
  std::string name;    // "blue v1": on every page, in every answer and in the orders it took
  std::string colour;  // CSS, dark enough for white text
};

struct Order {
  std::uint64_t id = 0;
  std::string item;
  std::uint32_t quantity = 1;
  std::string taken_by;  // name of the version that accepted it
  base::WallTime at;
};

// The database behind both shops. One thread uses it; the oldest order goes when kept_max is reached.
class OrderBook {
 public:
  const Order& add(std::string item, std::uint32_t quantity, std::string_view taken_by, base::WallTime at);
  const std::deque<Order>& orders() const { return orders_; }  // oldest first
  std::uint64_t count() const { return count_; }               // ever taken

  static constexpr std::size_t kept_max = 1'000;

 private:
  std::deque<Order> orders_;
  std::uint64_t count_ = 0;
};

// A request as far as the shop cares, and its answer. Values only: the server around it does the talking.
struct Ask {
  std::string_view method;
  std::string_view path;   // without query
  std::string_view query;  // without '?'
  std::string_view content_type;
  std::string_view accept;
  std::string_view body;
  base::WallTime at;
};

struct Reply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string location;  // empty = none
};

// Answers everything but the routes that take their time (slow, events, ws).
Reply answer(const Version& version, OrderBook& book, const Ask& ask);

// The value of a key in "a=1&b=2" with percent-escapes and '+' decoded; empty when absent.
std::string form_value(std::string_view form, std::string_view key);

}  // namespace drawbridge::demo
