#include "proxy/net/tls_heap.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

using drawbridge::net::TlsHeap;

TEST_CASE("only what is as large as a buffer of a record is a block, and growing keeps what is in it") {
  for (const std::size_t bytes : {1UL, 1'000UL, 16UL * 1024 - 1, 24UL * 1024 + 1}) {
    void* memory = TlsHeap::take(bytes);
    CHECK(!TlsHeap::is_block(memory));
    TlsHeap::give_back(memory);
  }
  void* memory = TlsHeap::take(17'000);
  CHECK(TlsHeap::is_block(memory));
  std::memset(memory, 'x', 17'000);
  CHECK(TlsHeap::change(memory, 22'000) == memory);
  for (const std::size_t bytes : {std::size_t{60'000}, std::size_t{100}}) {
    memory = TlsHeap::change(memory, bytes);
    CHECK(!TlsHeap::is_block(memory));
    CHECK(std::memchr(memory, 'x', 1) == memory);
    CHECK(static_cast<char*>(memory)[99] == 'x');
  }
  CHECK(TlsHeap::change(memory, 0) == nullptr);
  memory = TlsHeap::change(nullptr, 20'000);
  CHECK(TlsHeap::is_block(memory));
  TlsHeap::give_back(memory);
  TlsHeap::give_back(nullptr);
}

TEST_CASE("no block is lent twice, also when another thread gives it back") {
  std::vector<void*> lent;
  std::size_t all = 0;
  for (int round = 0; round < 3; ++round) {
    while (lent.empty() || TlsHeap::is_block(lent.back())) lent.push_back(TlsHeap::take(20'000));
    if (round == 0) all = lent.size();
    CHECK(lent.size() == all);
    CHECK(std::set(lent.begin(), lent.end()).size() == all);
    const auto give_all_back = [&] {
      for (auto* memory : lent) TlsHeap::give_back(memory);
    };
    if (round == 0) std::thread(give_all_back).join();
    if (round > 0) give_all_back();
    lent.clear();
  }
}
