#include "proxy/net/fine_heap.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

using drawbridge::net::FineHeap;

namespace {

constexpr std::size_t count = 3'000;

std::vector<void*> take_all(std::size_t bytes) {
  std::vector<void*> lent(count);
  for (auto& memory : lent) memory = FineHeap::take(bytes);
  std::ranges::sort(lent);
  return lent;
}

void give_back_all(const std::vector<void*>& lent) {
  for (void* memory : lent) FineHeap::give_back(memory);
}

std::size_t distance(const void* before, const void* after) {
  return static_cast<std::size_t>(static_cast<const char*>(after) - static_cast<const char*>(before));
}

}  // namespace

TEST_CASE("objects of a size lie one after the other, with nothing between them") {
  for (const std::size_t bytes : {1UL, 16UL, 17UL, 176UL, 1'000UL, 1'025UL, 7'624UL}) {
    CAPTURE(bytes);
    const auto lent = take_all(bytes);
    std::size_t close = 0;
    for (std::size_t i = 1; i < count; ++i) {
      CHECK(reinterpret_cast<std::uintptr_t>(lent[i]) % 16 == 0);
      CHECK(distance(lent[i - 1], lent[i]) >= bytes);
      if (distance(lent[i - 1], lent[i]) < bytes + 32) ++close;
    }
    CHECK(close >= count * 6 / 7);  // all but the first of each slab
    give_back_all(lent);
  }
}

TEST_CASE("what another thread gives back is lent again by the one that took it, and nothing twice") {
  for (int round = 0; round < 3; ++round) {
    const auto first = take_all(96);
    std::thread([&] { give_back_all(first); }).join();
    const auto second = take_all(96);
    CHECK(std::set(second.begin(), second.end()).size() == count);
    CHECK(std::ranges::equal(first, second));
    give_back_all(second);
  }
}

TEST_CASE("what a thread has left behind is for the next one that begins") {
  std::vector<void*> first, second;
  std::thread([&] { give_back_all(first = take_all(208)); }).join();
  std::thread([&] { give_back_all(second = take_all(208)); }).join();
  CHECK(std::ranges::equal(first, second));
}

TEST_CASE("memory that is changed in size keeps what is in it") {
  char* memory = static_cast<char*>(FineHeap::change(nullptr, 20));
  std::memset(memory, 'x', 20);
  CHECK(FineHeap::change(memory, 30) == memory);
  for (const std::size_t bytes : {100UL, 5'000UL, FineHeap::bytes_max, FineHeap::bytes_max + 1, 100'000UL, 20UL}) {
    memory = static_cast<char*>(FineHeap::change(memory, bytes));
    CHECK(std::count(memory, memory + 20, 'x') == 20);
  }
  FineHeap::give_back(memory);
  FineHeap::give_back(nullptr);
}

TEST_CASE("memory that lies unused is put away, and what is lent stays") {
  auto lent = take_all(4'000);
  std::memset(lent.back(), 'x', 4'000);
  give_back_all({lent.begin(), lent.end() - 1});
  for (int twice = 0; twice < 2; ++twice) {
    while (FineHeap::put_away()) {
    }
  }
  CHECK(*static_cast<char*>(lent.back()) == 'x');
  const auto again = take_all(4'000);
  CHECK(std::ranges::count(again, lent.back()) == 0);
  CHECK(std::ranges::any_of(again, [](void* memory) {
    const auto* bytes = static_cast<const char*>(memory);
    return std::all_of(bytes + 64, bytes + 4'000, [](char c) { return c == 0; });  // fresh from the kernel
  }));
  give_back_all(again);
  FineHeap::give_back(lent.back());
}
