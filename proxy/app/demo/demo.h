#pragma once

#include <cstdint>
#include <memory>

namespace drawbridge::demo {

// The two shops behind `proxyd demo`, "blue v1" and "green v2", on free loopback ports, on a thread of their own.
// Both use one order book, as two versions of a real shop use one database. Signals stay with the thread that made
// it.
class Demo {
 public:
  // Throws boost::system::system_error when a port or the thread cannot be had.
  Demo();
  ~Demo();

  Demo(const Demo&) = delete;
  Demo& operator=(const Demo&) = delete;

  std::uint16_t blue_port() const;
  std::uint16_t green_port() const;

  // Ends the thread at once; connections close with this object. Idempotent.
  void stop();

 private:
  struct Shops;
  std::unique_ptr<Shops> shops_;
};

}  // namespace drawbridge::demo
