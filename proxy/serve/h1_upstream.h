#pragma once

#include "proxy/http/websocket.h"
#include "proxy/serve/h1_body.h"
#include "proxy/serve/h1_writer.h"
#include "proxy/serve/upstream_channel.h"
#include "proxy/serve/workspace.h"

#include <cstdint>
#include <optional>

namespace drawbridge::serve {

// An exchange on an HTTP/1.1 connection to a server. What was read and not yet used is in space.upstream.
class H1Upstream final : public UpstreamChannel {
 public:
  H1Upstream(Workspace& space, net::Stream& stream);

  // IncomingBody
  State take(std::span<const char>& piece) override { return body_.take(piece); }
  net::Task<base::Result<void>> more(base::SteadyTime deadline) override { return body_.more(deadline); }
  std::uint64_t bare_bytes() const override { return body_.bare_bytes(); }
  net::Task<base::Result<std::size_t>> take_into(const net::Pipe& pipe, std::size_t bytes_max,
                                                 base::SteadyTime deadline) override {
    return body_.take_into(pipe, bytes_max, deadline);
  }
  bool ended() const override { return body_.ended(); }
  std::uint64_t bytes() const override { return body_.bytes(); }
  std::string_view trailers() const override { return body_.trailers(); }
  base::Failure failure() const override { return body_.failure(); }

  // OutgoingMessage
  net::Task<base::Result<void>> write(Part part, base::Millis patience) override {
    return writer_.write(part, patience);
  }
  bool takes_pieces_at_once() const override { return true; }
  bool takes_pipes() const override { return writer_.takes_pipes(); }
  net::Task<base::Result<void>> write_from(const net::Pipe& pipe, std::size_t bytes,
                                           base::Millis patience) override {
    return writer_.write_from(pipe, bytes, patience);
  }
  bool cancelled() const override { return stream_.cancelled(); }

  // UpstreamChannel
  base::Result<void> start(const http::RequestHead& head, const http::ForwardSpec& spec) override;
  net::Task<base::Result<void>> read_head(const http::HeadLimits& limits, base::SteadyTime deadline) override;
  void become_tunnel() override;
  void interrupt() override { stream_.interrupt_read(); }
  void cancel(base::Failure failure) override { stream_.cancel(failure); }
  bool request_seen() const override { return stream_.bytes_written() > written_before_; }
  bool answer_seen() const override { return stream_.bytes_read() > read_before_; }
  bool reusable() const override;
  bool strayed() const override;

 private:
  bool accepted(const http::ResponseHead& response) const;
  base::Result<void> begin_body(std::size_t head_bytes);  // the head that is in space_.response was taken

  Workspace& space_;
  net::Stream& stream_;
  std::uint64_t written_before_, read_before_;  // on this connection, for earlier requests
  http::Asked asked_;
  std::optional<http::WebSocketAccept> accept_;  // to a key of ours, that nobody else can judge
  H1Body body_;
  H1Writer writer_;
};

}  // namespace drawbridge::serve
