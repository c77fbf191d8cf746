#pragma once

#include "tests/stage/house.h"
#include "tests/stage/script.h"
#include "tests/stage/scripted_upstream.h"
#include "tests/stage/wire.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::stage {

// A worker with a client and servers of a script, on one thread and with time in our hands: the clock stands still
// while anything moves and leaps to the next deadline when nothing does. Two runs of a script are the same.
class Stage {
 public:
  // With TLS at the door clients speak it, and HTTP/1.1 within.
  Stage(House& house, Script script, const serve::Door& door = {});
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Plays the script until the client's connection has ended, then a well-behaved client with one request, then the
  // end of the worker.
  void run();

  const Script& script() const { return script_; }
  const Wire& client() const { return *client_; }
  const std::optional<Wire>& witness() const { return witness_; }  // absent after an order to shut down
  const std::list<Wire>& upstreams() const { return upstream_.wires(); }

  // Ticks count turns. Absent: the order was not given; what it drains has not ended.
  std::optional<std::uint64_t> flipped_at() const { return flipped_at_; }
  std::optional<std::uint64_t> drained_at() const { return drained_at_; }
  std::uint64_t witness_from() const { return witness_from_; }  // what came earlier is of the script's client
  // A write was in flight at the order; the ids of writes whose outcome nobody knows, as a receipt would name them.
  bool fenced_write() const { return fenced_write_; }
  const std::vector<std::string>& unknown() const { return unknown_; }
  // What is wrong with what is left of the worker: hung, tasks, admissions, connections, counts.
  const std::vector<std::string>& leftovers() const { return leftovers_; }

  static constexpr std::string_view witness_request =
      "GET /witness HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n";

 private:
  struct Client {
    Wire& wire;
    Speech speech;
    Script::Ending ending;
    bool ended = false;
  };

  void play(Client client);
  std::unique_ptr<tests::ClientTls> tls_of_client() const;
  bool move(Client& client);
  bool resume_one(Client& client);
  bool give_order();
  bool end(Client& client);
  void leap();
  void flip(core::Mode mode);
  void end_worker();
  void expect(bool good, const char* complaint);

  House& house_;
  Script script_;
  ScriptedUpstream upstream_;
  serve::Worker worker_;
  net::Endpoint front_;
  base::SteadyTime now_;
  std::uint64_t tick_ = 0;
  std::uint64_t ticks_max_;
  bool secure_;
  std::uint64_t witness_from_ = UINT64_MAX;
  bool ordered_;
  bool clients_turn_ = false;  // to have its pause ended
  std::optional<Wire> client_, witness_;
  std::optional<std::uint64_t> flipped_at_, drained_at_;
  bool fenced_write_ = false;
  std::vector<std::string> unknown_;
  std::vector<std::string> leftovers_;
};

// How many descriptors below 256 are open.
int open_descriptors();

}  // namespace drawbridge::stage
