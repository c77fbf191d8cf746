#include "tests/h2/bench.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::h2;

namespace {

constexpr std::uint32_t first_window = 20'000, largest_window = 80'000, connection_window = 100'000;

// A client that sends as much as it may, and a server that takes it when told to.
class Uploads {
 public:
  explicit Uploads(http::H2Spare* spare = nullptr) : bench_(options_with(spare)) {
    bench_.greet();
    windows_[0] = connection_window;
  }

  void begin(http::H2StreamId stream) {
    bench_.receive(post(stream));
    windows_[stream] += first_window;
    account();
  }

  // Returns how much that was.
  std::uint32_t send_all(http::H2StreamId stream) {
    std::uint32_t sent = 0;
    while (const auto room = std::min({windows_[stream], windows_[0], std::int64_t{16'384}})) {
      bench_.receive(data(stream, std::string(static_cast<std::size_t>(room), 'x'), 0));
      windows_[stream] -= room;
      windows_[0] -= room;
      sent += static_cast<std::uint32_t>(room);
    }
    account();
    return sent;
  }

  void take_all(http::H2StreamId stream) {
    auto& received = bench_.guest(stream).received;
    bench_.session.consume(stream, received.size());
    received.clear();
    bench_.receive({});
    account();
  }

  void give_up(http::H2StreamId stream) {
    bench_.receive(reset(stream));
    account();
  }

 private:
  static http::H2Options options_with(http::H2Spare* spare) {
    auto options = Bench::server_options();
    options.spare = spare;
    return options;
  }
  void account() {
    for (const auto& frame : bench_.take_frames()) {
      CHECK(frame.type != type_goaway);
      if (frame.type != type_window_update) continue;
      std::int64_t increment = 0;
      for (const auto byte : frame.payload) increment = increment << 8 | static_cast<unsigned char>(byte);
      windows_[frame.stream] += increment;
    }
  }

  Bench bench_;
  std::map<std::uint32_t, std::int64_t> windows_;
};

}  // namespace

TEST_CASE("the window of an upload that goes on doubles up to its bound") {
  Uploads uploads;
  uploads.begin(1);
  std::vector<std::uint32_t> rounds;
  for (int round = 0; round < 6; ++round) {
    rounds.push_back(uploads.send_all(1));
    uploads.take_all(1);
  }
  CHECK(rounds.front() == first_window);
  CHECK(std::is_sorted(rounds.begin(), rounds.end()));
  CHECK(rounds.back() == largest_window);
}

TEST_CASE("a body that nobody takes gets no more than the first window") {
  Uploads uploads;
  uploads.begin(1);
  CHECK(uploads.send_all(1) == first_window);
  CHECK(uploads.send_all(1) == 0);
}

TEST_CASE(
    "all streams of a connection together hold no more than its bound, and one that has grown takes no room of "
    "others") {
  Uploads uploads;
  for (http::H2StreamId id = 1; id < 20; id += 2) uploads.begin(id);
  for (int round = 0; round < 6; ++round) {
    for (http::H2StreamId id = 1; id < 20; id += 2) {
      uploads.send_all(id);
      uploads.take_all(id);
    }
  }
  std::uint32_t held = 0;
  for (http::H2StreamId id = 1; id < 20; id += 2) held += uploads.send_all(id);
  CHECK(held <= connection_window + 100'000);
  CHECK(held > connection_window);
}

TEST_CASE("bodies that nobody takes leave the windows of other streams open, as far as there is room to spare") {
  http::H2Spare spare{.bytes_left = 1'000'000};
  {
    Uploads uploads(&spare);
    for (http::H2StreamId id = 1; id < 20; id += 2) {
      uploads.begin(id);
      CHECK(uploads.send_all(id) == first_window);
    }
    CHECK(spare.bytes_left == 1'000'000 - 10 * first_window + connection_window / 4);
    uploads.take_all(1);
    uploads.give_up(3);
    CHECK(spare.bytes_left == 1'000'000 - 8 * first_window + connection_window / 4);
  }
  CHECK(spare.bytes_left == 1'000'000);
}

TEST_CASE("bodies that are taken need no room to spare, however many come") {
  http::H2Spare spare{.bytes_left = 1'000'000};
  Uploads uploads(&spare);
  for (http::H2StreamId id = 1; id < 20; id += 2) {
    uploads.begin(id);
    CHECK(uploads.send_all(id) == first_window);
    CHECK(spare.bytes_left == 1'000'000);
    uploads.take_all(id);
    uploads.give_up(id);
  }
}

TEST_CASE("without room to spare the window of the connection is the bound, until there is room again") {
  http::H2Spare spare{.bytes_left = first_window};
  Uploads uploads(&spare);
  std::uint32_t sent = 0;
  for (http::H2StreamId id = 1; id < 20; id += 2) {
    uploads.begin(id);
    sent += uploads.send_all(id);
  }
  CHECK(spare.bytes_left == 0);
  CHECK(sent == connection_window);
  uploads.give_up(19);
  spare.bytes_left = 10 * first_window;
  uploads.begin(21);
  CHECK(uploads.send_all(21) == first_window);
}

TEST_CASE("what a stream has gained goes to another when it ends") {
  Uploads uploads;
  for (http::H2StreamId id = 1; id < 20; id += 2) {
    uploads.begin(id);
    std::uint32_t most = 0;
    for (int round = 0; round < 6; ++round) {
      most = std::max(most, uploads.send_all(id));
      uploads.take_all(id);
    }
    CHECK(most == largest_window);
    uploads.give_up(id);
  }
}

namespace {

constexpr std::string_view whole_answer = "HTTP/1.1 200 OK\r\n\r\n";
constexpr std::uint32_t whole_frame = 16'375;  // what fits the output of the bench
constexpr std::uint32_t crumb = 35;

// A client whose window is a frame and a crumb, and an answer without end.
class Download {
 public:
  Download() {
    bench.greet();
    bench.receive(settings({{4, whole_frame + crumb}}) + get(1));
    bench.guest(1).ends = false;
    bench.session.respond(1, whole_answer, true);
    bench.take_frames();
  }

  // What is sent of the body that has so many bytes more.
  std::vector<std::uint32_t> send(std::size_t bytes) {
    bench.guest(1).to_send.append(bytes, 'x');
    bench.session.resume(1);
    return sent();
  }

  std::vector<std::uint32_t> sent() {
    std::vector<std::uint32_t> frames;
    for (const auto& frame : bench.take_frames()) {
      if (frame.type == type_data) frames.push_back(static_cast<std::uint32_t>(frame.payload.size()));
    }
    return frames;
  }

  bool give_back(std::uint32_t bytes) { return bench.receive(window_update(0, bytes) + window_update(1, bytes)); }

  Bench bench{Bench::server_options()};
};

using Frames = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("a client that gives back the window of each frame gets whole frames") {
  Download download;
  auto frames = download.send(3UL * whole_frame);
  for (int round = 0; round < 3'000; ++round) {
    REQUIRE(frames == Frames{whole_frame});
    download.bench.guest(1).to_send.append(whole_frame, 'x');
    REQUIRE(download.give_back(whole_frame));
    frames = download.sent();
  }
  CHECK(download.bench.abuses.empty());
}

TEST_CASE("DATA that the window would cut waits for more window, but not for ever") {
  Download download;
  CHECK(download.send(3UL * whole_frame) == Frames{whole_frame});
  download.give_back(1'000);
  CHECK(download.sent().empty());
  download.bench.session.hurry(1);
  CHECK(download.sent() == Frames{1'000 + crumb});
  download.give_back(crumb);
  CHECK(download.sent().empty());
  download.give_back(whole_frame - 1'000);
  CHECK(download.sent() == Frames{whole_frame - 1'000 + crumb});
}

TEST_CASE("DATA that the window does not cut waits for nothing") {
  Download download;
  CHECK(download.send(whole_frame + crumb) == Frames{whole_frame, crumb});
  download.give_back(crumb);
  CHECK(download.send(crumb - 1) == Frames{crumb - 1});
}

TEST_CASE("a window that SETTINGS have made small for good is all that DATA waits for") {
  Download download;
  CHECK(download.send(3UL * whole_frame) == Frames{whole_frame});
  download.bench.receive(settings({{4, crumb}}));
  download.give_back(whole_frame);
  CHECK(download.sent() == Frames{crumb});
}
