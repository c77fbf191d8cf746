#pragma once

#include "proxy/net/endpoint.h"
#include "proxy/net/unique_fd.h"
#include "tests/stage/script.h"
#include "tests/stage/wire.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string_view>

namespace drawbridge::stage {

// Servers that answer what a script says, true or false, to whoever asks next; when it ends, shortly and well. Acts
// only when told to.
class ScriptedUpstream {
 public:
  explicit ScriptedUpstream(const std::vector<Script::Answer>& answers);

  net::Endpoint endpoint() const { return local_endpoint(listener_.get()); }

  bool act(std::uint64_t tick);  // accepts, receives and says what it can; false if there was nothing to do
  bool resume();                 // ends one pause; false if there is none
  void be_good() { answers_.clear(); }

  // All connections there were, in the order they were made.
  const std::list<Wire>& wires() const { return wires_; }

  static constexpr std::string_view good_body = "good";

  // In an answer: what the key of its request wants to hear, if it has one (RFC 6455 section 4.2.2).
  static constexpr std::string_view websocket_accept = "{accept}";

 private:
  struct Server {
    Wire& wire;
    std::size_t read = 0;         // bytes of requests that are dealt with
    bool answered_early = false;  // the request at `read`, before its body came
    std::optional<Speech> speech = {};
    Script::Answer::Then then = Script::Answer::Then::keep;
  };

  bool accept();
  bool act(Server& server, std::uint64_t tick);
  bool begin_answer(Server& server);
  void begin(Server& server, std::string_view websocket_key);
  void end_answer(Server& server);
  Script::Answer::When next_when() const;

  net::UniqueFd listener_;
  std::deque<Script::Answer> answers_;
  std::list<Wire> wires_;
  std::list<Server> servers_;
};

}  // namespace drawbridge::stage
