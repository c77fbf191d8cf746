#include "proxy/http/h2_memory.h"
#include "tests/h2/bench.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::h2;

namespace {

constexpr std::size_t frame_and_table_bytes = 24UL * 1024;

std::size_t emptied = 0;
std::vector<std::size_t> large;  // what was taken of more than a page
int lent = 0;

const base::Heap counted{.take =
                             [](std::size_t bytes) {
                               ++lent;
                               if (bytes > 4'096) large.push_back(bytes);
                               return std::malloc(bytes);
                             },
                         .change =
                             [](void* memory, std::size_t bytes) {
                               if (memory == nullptr) ++lent;
                               if (bytes > 4'096) large.push_back(bytes);
                               return std::realloc(memory, bytes);
                             },
                         .give_back =
                             [](void* memory) {
                               if (memory != nullptr) --lent;
                               std::free(memory);
                             },
                         .empty =
                             [](void* memory, std::size_t bytes) {
                               std::memset(memory, 0, bytes);
                               emptied += bytes;
                             }};

http::H2Options counted_options() {
  auto options = Bench::server_options();
  options.concurrent_streams_max = 300;
  options.heap = &counted;
  return options;
}

// Whole, with a body that goes in several frames.
void answer(Bench& bench, http::H2StreamId stream) {
  bench.guest(stream).to_send.assign(20'000, 'x');
  bench.session.respond(stream, "HTTP/1.1 200 OK\r\n\r\n", true);
  bench.receive(window_update(0, 20'000));
}

std::size_t emptied_by_rest(Bench& bench) {
  emptied = 0;
  bench.session.rest();
  return emptied;
}

}  // namespace

TEST_CASE("a session that rests gives back what holds a frame and the streams, and goes on where it was") {
  large.clear();
  {
    Bench bench(counted_options());
    bench.greet();
    for (http::H2StreamId stream = 1; stream < 20; stream += 2) {
      CHECK(emptied_by_rest(bench) == frame_and_table_bytes);
      bench.receive(get(stream));
      CHECK(emptied_by_rest(bench) == 0);
      answer(bench, stream);
      CHECK(bench.guest(stream).closed);
    }
    CHECK(bench.take_frames().size() == 10 * 3);
  }
  CHECK(large == std::vector{frame_and_table_bytes});
  CHECK(lent == 0);
}

TEST_CASE("so does one that has had more streams at once than its first table holds") {
  {
    Bench bench(counted_options());
    bench.greet();
    for (int round = 0; round < 2; ++round) {
      const auto first = static_cast<http::H2StreamId>(1 + round * 600);
      for (http::H2StreamId i = 0; i < 600; i += 2) bench.receive(get(first + i));
      for (http::H2StreamId i = 0; i < 600; i += 2)
        bench.session.respond(first + i, "HTTP/1.1 204 \r\n\r\n", false);
      CHECK(bench.take_frames().size() == 300);
      CHECK(emptied_by_rest(bench) > 0);
    }
  }
  CHECK(lent == 0);
}

TEST_CASE("the pages hold one frame and one table; what there is more of, and what grows, lies elsewhere") {
  constexpr std::size_t frame = 17'000, table = 4'096;
  {
    http::H2Memory memory(&counted);
    for (const auto bytes : {frame, table}) {
      CAPTURE(bytes);
      void* const first = memory.take(bytes);
      void* const second = memory.take(bytes);
      std::memset(first, 'a', bytes);
      std::memset(second, 'b', bytes);
      auto* const grown = static_cast<char*>(memory.change(first, 2 * bytes));
      CHECK(std::string(grown, bytes) == std::string(bytes, 'a'));
      void* const again = memory.take(bytes);
      CHECK(again == first);
      for (void* const one : {second, again, static_cast<void*>(grown)}) memory.give_back(one);
    }
  }
  CHECK(lent == 0);
}

TEST_CASE("while nghttp2 rests its frame is given back, its table only if that holds nothing") {
  http::H2Memory memory(&counted);
  auto* const table = static_cast<char*>(memory.take(4'096));
  std::memset(table, 0, 4'096);
  for (const char content : {'\0', 'x'}) {
    table[4'095] = content;
    emptied = 0;
    memory.rest();
    CHECK(emptied == frame_and_table_bytes - (content == 'x' ? 4'096 : 0));
    CHECK(table[4'095] == content);
  }
  memory.give_back(table);
}
