#include "tests/stage/scripted_upstream.h"

#include "proxy/http/websocket.h"
#include "tests/stage/naive_reader.h"

#include <sys/socket.h>

namespace drawbridge::stage {

using Answer = Script::Answer;

ScriptedUpstream::ScriptedUpstream(const std::vector<Answer>& answers)
    : listener_(listen_locally()), answers_(answers.begin(), answers.end()) {}

bool ScriptedUpstream::act(std::uint64_t tick) {
  bool acted = accept();
  for (auto& server : servers_) acted = act(server, tick) || acted;
  return acted;
}

bool ScriptedUpstream::accept() {
  bool accepted = false;
  for (;;) {
    net::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) return accepted;
    servers_.push_back({.wire = wires_.emplace_back(std::move(fd))});
    if (next_when() == Answer::When::connected) begin(servers_.back(), {});
    accepted = true;
  }
}

bool ScriptedUpstream::act(Server& server, std::uint64_t tick) {
  bool acted = server.wire.receive(tick);
  if (!server.speech) acted = begin_answer(server) || acted;
  if (!server.speech) return acted;
  acted = server.speech->say(server.wire) || acted;
  if (server.speech->said()) end_answer(server);
  return acted;
}

bool ScriptedUpstream::begin_answer(Server& server) {
  if (!server.wire.open()) return false;
  const auto rest = std::string_view(server.wire.received()).substr(server.read);
  if (rest.empty()) return false;
  const auto request = read_request(rest);
  const bool whole = request.extent == Message::Extent::whole;
  if (whole) server.read += request.end;
  if (whole && server.answered_early) {
    server.answered_early = false;
    return true;
  }
  const bool early =
      !whole && !server.answered_early && request.head_read && next_when() == Answer::When::head_read;
  if (!whole && !early) return false;
  server.answered_early = early;
  begin(server, request.field("sec-websocket-key"));
  return true;
}

void ScriptedUpstream::begin(Server& server, std::string_view websocket_key) {
  Answer answer{.text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + std::string(good_body)};
  if (!answers_.empty()) {
    answer = std::move(answers_.front());
    answers_.pop_front();
  }
  const auto at = websocket_key.empty() ? std::string::npos : answer.text.find(websocket_accept);
  if (at != std::string::npos) {
    answer.text.replace(at, websocket_accept.size(), http::make_websocket_accept(websocket_key).view());
  }
  server.speech.emplace(std::move(answer.text), answer.piece_bytes);
  server.then = answer.then;
}

void ScriptedUpstream::end_answer(Server& server) {
  server.speech.reset();
  if (server.then == Answer::Then::close) server.wire.close();
  if (server.then == Answer::Then::half_close) server.wire.shutdown_send();
}

bool ScriptedUpstream::resume() {
  for (auto& server : servers_) {
    if (server.speech && server.speech->resume()) return true;
  }
  return false;
}

Answer::When ScriptedUpstream::next_when() const {
  return answers_.empty() ? Answer::When::request_read : answers_.front().when;
}

}  // namespace drawbridge::stage
