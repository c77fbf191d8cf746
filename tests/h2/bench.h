#pragma once

#include "proxy/http/h2_session.h"
#include "tests/h2/frames.h"

#include <array>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::h2 {

// One stream and what became of it. Says what its test has it say.
class Guest final : public http::H2StreamUser {
 public:
  http::H2HeadRoom on_head_room() override { return {.text = text, .request = &request, .response = &response}; }
  void on_head(bool ended) override;
  void on_refused(const http::Refusal& refusal, bool ended) override;
  void on_data(std::span<const char> data) override;
  void on_end(std::string_view lines) override;
  http::H2Pulled on_pull(std::span<char> into) override;
  std::size_t at_hand() const override { return to_send.size(); }
  void on_closed(const http::H2Close& close) override;

  http::H2StreamId id = 0;
  http::RequestHead request;
  http::ResponseHead response;
  std::vector<std::uint16_t> interim;
  std::string received;
  std::size_t outstanding = 0;  // of what was received: its window is closed by as much
  std::string trailers;
  http::Refusal refusal{.status = 0};
  bool has_head = false;
  bool ended = false;
  bool closed = false;
  http::H2Close close;

  std::string to_send;  // the rest of the body
  std::string trailers_to_send;
  bool ends = true;  // behind to_send; else more is to come
  std::function<void()> when_closed;

 private:
  std::vector<char> text = std::vector<char>(16'384);
};

// A session without a socket, and the other side's bytes.
class Bench final : public http::H2Listener {
 public:
  explicit Bench(const http::H2Options& options);

  static http::H2Options server_options();
  static http::H2Options client_options();

  http::H2StreamUser* on_open(http::H2StreamId stream) override;
  void on_goaway(http::H2StreamId last_stream, http::H2Code code) override;
  void on_pong(std::uint64_t token) override { pongs.push_back(token); }
  void on_abuse(const http::H2Bound& bound) override { abuses.emplace_back(bound.name); }

  // Gives bytes to the session, `piece` at a time, takes what it says after each, as a connection does.
  bool receive(std::string_view bytes, std::size_t piece = 65'536);
  // Preface and empty SETTINGS of the other side, and what is said to them.
  void greet();
  std::vector<Frame> take_frames();  // said since the last call
  bool said(unsigned type);          // among those; all are taken

  Guest& guest(http::H2StreamId stream);
  Guest& ask(const http::H2Session::Ask& ask, const std::string& body = {});

  std::map<http::H2StreamId, std::unique_ptr<Guest>> guests;
  bool refuse_all = false;
  std::vector<std::uint64_t> pongs;
  std::vector<std::string> abuses;
  std::vector<std::pair<http::H2StreamId, http::H2Code>> goaways;
  base::SteadyTime now{};
  std::string output;
  http::H2Session session;

 private:
  void take_output();

  bool server_;
};

}  // namespace drawbridge::h2
