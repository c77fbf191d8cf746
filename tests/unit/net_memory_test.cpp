#include "proxy/net/buffer_pool.h"
#include "proxy/net/slabs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <sys/mman.h>
#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;

namespace {

bool is_mapped(const void* address) {
  const auto page = reinterpret_cast<std::uintptr_t>(address) & ~std::uintptr_t{4095};
  unsigned char here = 0;
  return mincore(reinterpret_cast<void*>(page), 1, &here) == 0 || errno != ENOMEM;
}

}  // namespace

TEST_CASE("a slab goes back to the kernel when all in it has lain unused, and no place is lent twice") {
  net::Slabs slabs(1'024);
  std::vector<void*> places(1'000);
  for (auto& place : places) place = slabs.take();
  CHECK(std::set(places.begin(), places.end()).size() == places.size());
  for (std::size_t i = 1; i < places.size(); ++i) slabs.give_back(places[i]);
  while (slabs.put_away()) {
  }
  for (int twice = 0; twice < 2; ++twice) {
    while (slabs.put_away()) {
    }
  }
  CHECK(is_mapped(places.front()));
  CHECK(!is_mapped(places.back()));
  std::set<void*> again;
  for (int i = 0; i < 200; ++i) again.insert(slabs.take());
  CHECK(again.size() == 200);
  CHECK(!again.contains(places.front()));
  for (auto* place : again) slabs.give_back(place);
  slabs.give_back(places.front());
}

TEST_CASE("buffers are used again, last returned first") {
  net::Wheel wheel(base::SteadyTime{});
  net::BufferPool pool(wheel);
  auto first = pool.take();
  auto* data = first.data();
  first.reset();
  CHECK(pool.take().data() == data);
}

TEST_CASE("what a burst left behind goes back to the kernel") {
  const auto resident_pages = [] {
    std::ifstream file("/proc/self/statm");
    std::size_t all = 0, resident = 0;
    file >> all >> resident;
    return resident;
  };
  constexpr std::size_t blocks = 500;
  base::SteadyTime now{};
  net::Wheel wheel(now);
  net::BlockPool pool(wheel, 64UL * 1024);
  std::vector<char*> taken;
  for (std::size_t i = 0; i < blocks; ++i) {
    taken.push_back(pool.take());
    std::memset(taken.back(), 1, pool.bytes());
  }
  const auto before = resident_pages();
  for (auto* block : taken) pool.give_back(block);
  for (int second = 0; second < 60; ++second) wheel.advance(now += std::chrono::seconds(1));
  CHECK(resident_pages() < before - blocks * 16 / 2);
}

TEST_CASE("blocks stay as long as they are used, and when nobody uses them none stays") {
  base::SteadyTime now{};
  net::Wheel wheel(now);
  net::BlockPool pool(wheel, 64UL * 1024);
  std::array<char*, 4> blocks{};
  const auto use_all = [&] {
    for (auto& block : blocks) block = pool.take();
    for (auto* block : blocks) pool.give_back(block);
  };
  const auto there = [&] { return std::ranges::count_if(blocks, is_mapped); };
  for (int tenth = 0; tenth < 50; ++tenth) {
    use_all();
    wheel.advance(now += 100ms);
  }
  CHECK(there() == 4);
  for (int tenth = 0; tenth < 20; ++tenth) {
    pool.give_back(pool.take());
    wheel.advance(now += 100ms);
  }
  CHECK(there() == 1);
  for (int tenth = 0; tenth < 20; ++tenth) wheel.advance(now += 100ms);
  CHECK(there() == 0);
}
