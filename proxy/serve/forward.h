#pragma once

#include "proxy/base/failure.h"
#include "proxy/net/fork.h"
#include "proxy/net/task.h"
#include "proxy/serve/call.h"
#include "proxy/serve/h1_upstream.h"
#include "proxy/serve/h2_upstream.h"
#include "proxy/upstream/servers.h"

#include <optional>
#include <string_view>

namespace drawbridge::serve {

class Tunnel;

// Takes one admitted request to a server of its pool and the answer back: lease, send, receive, relay; once more on
// another connection where core/retry allows it. Lives inside the exchange's task.
class Forward final : private net::Stream::Reset, private net::Deadline::Owner {
 public:
  explicit Forward(Call& call);
  ~Forward();

  // Success: an answer has gone to the client, whole or cut short (call.keep and the stream tell). Failure: none
  // has begun, unless call.head_sent.
  net::Task<base::Result<void>> run();

  bool cut();                            // ends waiting for the upstream; true: it ends by itself, in a moment
  void told_to_go(base::SteadyTime at);  // tunnels: close at `at`
  bool is_at(core::ServerId server) const;
  bool untouched() const;  // nothing was sent, and nothing will be once it is cut

 private:
  void note_server(const upstream::Servers::Chosen& chosen);
  void begin_attempt();
  void end_attempt(base::Result<void>& result);
  void begin_anew(const base::Failure& failure);
  bool may_retry(const base::Failure& failure);
  bool asks_elsewhere(const base::Failure& failure) const;
  void note_write();
  void note_sent();
  void note_result(const base::Result<void>& result);

  // Request.
  UpstreamChannel& open_channel();
  void close_channel();
  void let_go();
  void was_reset(base::Failure failure) override;  // the client
  void deadline_passed(net::Deadline& deadline) override;
  base::Result<void> start_request();
  std::string_view upstream_path(std::string& storage) const;
  net::Task<base::Result<void>> send_request();
  net::Task<base::Result<void>> upload();
  net::Task<base::Result<void>> upload_beside();
  net::Task<> stop_upload();

  // Response.
  net::Task<base::Result<void>> receive_response();
  http::HeadLimits head_limits() const;
  base::SteadyTime head_deadline() const;
  net::Task<base::Result<void>> pass_interim();
  net::Task<base::Result<void>> relay_response();
  bool start_response();
  net::Task<base::Result<void>> run_tunnel();
  bool rest_is_here();
  void end_response(const base::Result<void>& relayed);

  Call& call_;
  const core::PoolView& pool_;
  core::ClientBounds bounds_;
  upstream::Lease lease_;
  upstream::Tried tried_;
  upstream::LeaseWish wish_;
  std::size_t place_ = 0;
  std::optional<H1Upstream> h1_;
  std::optional<H2Upstream> h2_;
  UpstreamChannel* upstream_ = nullptr;  // of the attempt at hand
  std::optional<net::Fork<base::Result<void>>> upload_;
  std::optional<base::Failure> upload_failure_;
  std::optional<base::Failure> client_gone_;  // while a connection was waited for
  bool upload_stopped_ = false;               // by us: the answer is complete, or there will be none
  base::SteadyTime sent_at_;
  base::SteadyTime waiting_since_;         // the last progress that the head of the answer is waited for from
  net::Deadline deadline_;                 // that the client of gRPC has set
  std::optional<base::SteadyTime> go_at_;  // told to go, perhaps before the tunnel is there
  Tunnel* tunnel_ = nullptr;
};

}  // namespace drawbridge::serve
