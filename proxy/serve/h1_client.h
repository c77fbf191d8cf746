#pragma once

#include "proxy/serve/client_channel.h"
#include "proxy/serve/h1_body.h"
#include "proxy/serve/h1_writer.h"

namespace drawbridge::serve {

// A request on an HTTP/1 connection, which serves one at a time. What the connection has read of its body, and of
// later requests, is in space.client.
class H1Client final : public ClientChannel {
 public:
  // What may be read of a body that nobody wants, so that the connection can be used again.
  static constexpr std::uint64_t discard_bytes_max = 64 * 1024;

  H1Client(const Client& client, Workspace& space, net::Stream& stream);

  // IncomingBody
  State take(std::span<const char>& piece) override;
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
  net::Task<base::Result<void>> write(Part part, base::Millis patience) override;
  bool takes_pieces_at_once() const override { return true; }
  bool takes_pipes() const override { return writer_.takes_pipes(); }
  net::Task<base::Result<void>> write_from(const net::Pipe& pipe, std::size_t bytes,
                                           base::Millis patience) override {
    return writer_.write_from(pipe, bytes, patience);
  }
  bool cancelled() const override { return stream_.cancelled(); }

  // ClientChannel
  void limit_body(std::uint64_t bytes_max) override;
  bool body_is_here() override;
  void rewind() override;
  void interrupt() override { stream_.interrupt_read(); }
  bool leave_body() override;
  net::Task<bool> drop_body(base::Millis patience) override;
  net::Task<base::Result<void>> interim(const http::ResponseHead& head, base::Millis patience) override;
  bool start(const http::ResponseHead& head, http::ResponseSpec& spec) override;
  net::Task<base::Result<void>> answer(const OwnAnswer& own, base::Millis patience) override;
  void fail_answer(Broken why) override;
  void on_hangup(net::Stream::Hangup* listener) override { stream_.on_hangup(listener); }
  void on_reset(net::Stream::Reset* listener) override { stream_.on_reset(listener); }
  void cancel() override { stream_.cancel(base::Reason::cancelled); }

  // For the closing of the connection: nothing may be said any more; the client may still be sending what nobody
  // read.
  bool broken() const { return broken_ || writer_.broken(); }
  bool has_unread_body() const { return !body_.ended(); }

 private:
  State take_all();
  net::Task<bool> drop_rest(base::Millis patience);

  net::Stream& stream_;
  H1Body body_;
  H1Writer writer_;
  std::uint64_t body_bytes_max_ = 0;
  std::size_t body_at_;  // in space.client
  bool taken_ = false;   // part of the body, by whoever wanted it
  bool until_close_ = false;
  bool last_ = false;    // the connection ends with this answer
  bool broken_ = false;  // a write of its own, or an answer over TLS
};

}  // namespace drawbridge::serve
