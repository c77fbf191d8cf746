#include "tests/stage/stage.h"

#include <algorithm>
#include <array>
#include <poll.h>
#include <utility>

namespace drawbridge::stage {
namespace {

constexpr std::chrono::milliseconds leap_max{32'000};
constexpr std::uint64_t drain_id = 1;

// TLS has a handshake, and makes 23 bytes of one.
std::uint64_t turns_allowed(const Script& script, bool secure) {
  std::size_t bytes = script.client.size();
  for (const auto& answer : script.answers) bytes += answer.text.size();
  return secure ? 30'000 + 200 * bytes : 2'000 + 8 * bytes;
}

serve::Shared& prepared(House& house, const Script& script) {
  house.shared().published = &house.live();
  house.shared().io_bytes_max = script.io_bytes_max;
  return house.shared();
}

}  // namespace

Stage::Stage(House& house, Script script, const serve::Door& door)
    : house_(house),
      script_(std::move(script)),
      upstream_(script_.answers),
      worker_(prepared(house, script_), 0),
      now_(worker_.loop().now()),
      ticks_max_(turns_allowed(script_, door.tls != nullptr)),
      secure_(door.tls != nullptr),
      ordered_(script_.order == Script::Order::none) {
  auto listener = listen_locally();
  front_ = local_endpoint(listener.get());
  worker_.listen(std::move(listener), door);
  worker_.servers().set_addresses(House::server, upstream::EndpointSlots{upstream_.endpoint()});
  worker_.ledger().published(house_.live());
  house_.shared().ended_unknown = [this](std::uint64_t, const core::OpenRequest& request) {
    unknown_.push_back(request.request_id);
  };
  house_.shared().drained = [this](std::size_t, std::uint64_t, const core::ClassCounts&) { drained_at_ = tick_; };
}

Stage::~Stage() = default;

std::unique_ptr<tests::ClientTls> Stage::tls_of_client() const {
  return secure_ ? std::make_unique<tests::ClientTls>("http/1.1") : nullptr;
}

void Stage::run() {
  client_.emplace(connect_locally(front_), tls_of_client());
  play({.wire = *client_, .speech = {script_.client, script_.piece_bytes}, .ending = script_.ending});
  if (worker_.loop().tasks() == 0 && !worker_.stopping()) {
    upstream_.be_good();
    witness_from_ = tick_ + 1;
    witness_.emplace(connect_locally(front_), tls_of_client());
    play({.wire = *witness_,
          .speech = {std::string(witness_request), Script::whole},
          .ending = Script::Ending::silence});
  }
  end_worker();
}

// What waits is let go one at a time, and time passes last of all.
void Stage::play(Client client) {
  while (tick_ < ticks_max_) {
    if (move(client)) continue;
    if (worker_.loop().tasks() == 0) return;
    if (give_order() || resume_one(client)) continue;
    if (!end(client)) leap();
  }
  expect(false, "the connection never ends");
}

bool Stage::move(Client& client) {
  ++tick_;
  const bool turned = worker_.loop().turn_at(now_);
  const bool answered = upstream_.act(tick_);
  const bool heard = client.wire.receive(tick_);
  const bool said = client.speech.say(client.wire);
  if (client.ending == Script::Ending::close_at_once) end(client);
  return turned || answered || heard || said;
}

// The sides take turns.
bool Stage::resume_one(Client& client) {
  clients_turn_ = !clients_turn_;
  if (clients_turn_) return client.speech.resume() || upstream_.resume();
  return upstream_.resume() || client.speech.resume();
}

bool Stage::give_order() {
  if (std::exchange(ordered_, true)) return false;
  switch (script_.order) {
    case Script::Order::none:
      break;
    case Script::Order::readonly:
      flip(core::Mode::readonly);
      break;
    case Script::Order::maintenance:
      flip(core::Mode::maintenance);
      break;
    case Script::Order::shutdown:
      worker_.begin_shutdown();
      break;
  }
  return true;
}

void Stage::flip(core::Mode mode) {
  const auto& snapshot = house_.after(mode);
  house_.shared().published = &snapshot;
  flipped_at_ = tick_;
  auto& ledger = worker_.ledger();
  ledger.published(snapshot);
  worker_.parking().review(snapshot);
  const auto open = ledger.fence(drain_id, {.epoch = snapshot.epoch,
                                            .sites = {House::site_a},
                                            .classes = core::drains(mode, core::HoldScope::writes),
                                            .spare_read_tunnels = mode == core::Mode::readonly});
  fenced_write_ = open[core::RequestClass::write] > 0;
  ledger.tell_tunnels(drain_id, now_, base::Millis(1'000));
  if (mode == core::Mode::maintenance) ledger.cut(drain_id, now_, false);
}

bool Stage::end(Client& client) {
  if (client.ended || !client.speech.said() || !client.wire.open()) return false;
  client.ended = true;
  switch (client.ending) {
    case Script::Ending::half_close:
      client.wire.shutdown_send();
      return true;
    case Script::Ending::close_when_quiet:
    case Script::Ending::close_at_once:
      client.wire.close();
      return true;
    case Script::Ending::silence:
      return false;
  }
  return false;
}

void Stage::leap() {
  now_ += worker_.loop().wheel().until_next(now_, leap_max) + std::chrono::milliseconds(1);
}

void Stage::end_worker() {
  auto& census = house_.shared().census;
  expect(worker_.loop().tasks() == 0, "a task is left when its connection has ended");
  if (!worker_.stopping()) worker_.begin_shutdown();
  worker_.end_all();
  for (int turns = 0; worker_.loop().tasks() > 0 && turns < 1'000; ++turns) {
    worker_.loop().turn_at(now_);
    leap();
  }
  worker_.loop().turn_at(now_);
  auto& counters = worker_.counters();
  expect(worker_.loop().tasks() == 0, "a task does not end when it is told to");
  expect(worker_.loop().failed_tasks() == 0, "an exception ended a task");
  expect(worker_.ledger().total() == 0, "an admission is left in the ledger");
  census.set_limits(1, 0);
  expect(!census.full(), "a connection still has its seat");
  census.set_limits(UINT64_MAX, 0);
  expect(house_.shared().parked.of(House::site_h) == 0, "a request is still counted as parked");
  expect(counters.connections_open.value() == 0, "a client connection is still counted as open");
  expect(counters.upstream_connections_open.value() == 0, "an upstream connection is still counted as open");
  expect(!flipped_at_ || drained_at_, "the drain never ended");
}

void Stage::expect(bool good, const char* complaint) {
  if (!good) leftovers_.emplace_back(complaint);
}

int open_descriptors() {
  std::array<pollfd, 256> all{};
  for (int fd = 0; fd < 256; ++fd) all[static_cast<std::size_t>(fd)].fd = fd;
  ::poll(all.data(), all.size(), 0);
  return static_cast<int>(
      std::count_if(all.begin(), all.end(), [](const pollfd& one) { return (one.revents & POLLNVAL) == 0; }));
}

}  // namespace drawbridge::stage
