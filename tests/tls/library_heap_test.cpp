#include "proxy/net/library_heap.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

using drawbridge::net::LibraryHeap;

TEST_CASE("only what is as large as a buffer of a record is a block, and growing keeps what is in it") {
  for (const std::size_t bytes : {1UL, 1'000UL, 16UL * 1024 - 1, 24UL * 1024 + 1}) {
    void* memory = LibraryHeap::take(bytes);
    CHECK(!LibraryHeap::is_block(memory));
    LibraryHeap::give_back(memory);
  }
  void* memory = LibraryHeap::take(17'000);
  CHECK(LibraryHeap::is_block(memory));
  std::memset(memory, 'x', 17'000);
  CHECK(LibraryHeap::change(memory, 22'000) == memory);
  for (const std::size_t bytes : {std::size_t{60'000}, std::size_t{100}}) {
    memory = LibraryHeap::change(memory, bytes);
    CHECK(!LibraryHeap::is_block(memory));
    CHECK(std::memchr(memory, 'x', 1) == memory);
    CHECK(static_cast<char*>(memory)[99] == 'x');
  }
  CHECK(LibraryHeap::change(memory, 0) == nullptr);
  memory = LibraryHeap::change(nullptr, 20'000);
  CHECK(LibraryHeap::is_block(memory));
  LibraryHeap::give_back(memory);
  LibraryHeap::give_back(nullptr);
}

TEST_CASE("no block is lent twice, also when another thread gives it back") {
  std::vector<void*> lent;
  std::size_t all = 0;
  for (int round = 0; round < 3; ++round) {
    while (lent.empty() || LibraryHeap::is_block(lent.back())) lent.push_back(LibraryHeap::take(20'000));
    if (round == 0) all = lent.size();
    CHECK(lent.size() == all);
    CHECK(std::set(lent.begin(), lent.end()).size() == all);
    const auto give_all_back = [&] {
      for (auto* memory : lent) LibraryHeap::give_back(memory);
    };
    if (round == 0) std::thread(give_all_back).join();
    if (round > 0) give_all_back();
    lent.clear();
  }
}
