#pragma once

#include "proxy/http/h2_session.h"
#include "proxy/upstream/probe_runner.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::upstream {

// One question over HTTP/2, without its socket: GET of a path, for gRPC grpc.health.v1.Health/Check of the whole
// server, or only whether it speaks HTTP/2. Give it what is read, write what it produces, until it is over.
class H2Question final : private http::H2Listener, private http::H2StreamUser {
 public:
  explicit H2Question(const ProbeTask& task);

  std::size_t produce(std::span<char> out) { return session_.produce(out); }
  bool receive(std::span<const char> bytes, base::SteadyTime now) { return session_.receive(bytes, now); }
  bool over() const { return closed_ || (!asks_ && session_.settings_received()); }

  struct Answer {
    bool healthy = false;
    std::string reason;
  };
  Answer answer() const;

 private:
  http::H2StreamUser* on_open(http::H2StreamId) override { return nullptr; }
  void on_goaway(http::H2StreamId, http::H2Code) override {}
  void on_pong(std::uint64_t) override {}
  void on_abuse(const http::H2Bound&) override {}
  http::H2HeadRoom on_head_room() override { return {.text = text_, .response = &response_}; }
  void on_head(bool ended) override { whole_ = ended; }
  void on_refused(const http::Refusal&, bool) override {}
  void on_data(std::span<const char> data) override;
  void on_end(std::string_view trailers) override;
  http::H2Pulled on_pull(std::span<char> into) override;
  void on_closed(const http::H2Close&) override { closed_ = true; }
  std::string_view grpc_status() const;

  http::H2Session session_;
  std::vector<char> text_;
  bool grpc_;
  bool asks_;
  http::ResponseHead response_;
  std::string body_, trailers_;
  bool whole_ = false;
  bool closed_ = false;
};

}  // namespace drawbridge::upstream
