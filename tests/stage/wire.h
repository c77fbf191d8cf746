#pragma once

#include "proxy/net/endpoint.h"
#include "proxy/net/unique_fd.h"
#include "tests/loop/client_tls.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::stage {

// Local stream sockets carry the tests: delivery is immediate, so that a run depends on nothing but its script, and
// there are no ports to use up. They end like TCP, but know no reset of their own.
net::UniqueFd listen_locally();
net::Endpoint local_endpoint(int listener);
net::UniqueFd connect_locally(const net::Endpoint& endpoint);

// One end of a connection in the hands of a test, plain or a client's with TLS. Never waits; keeps all that was
// received and sent, in plain.
class Wire {
 public:
  explicit Wire(net::UniqueFd fd, std::unique_ptr<tests::ClientTls> tls = nullptr);

  bool receive(std::uint64_t tick);  // takes all there is; true if anything came, an end included
  std::size_t send(std::string_view bytes);
  void shutdown_send();
  void close() { fd_.reset(); }

  bool open() const { return fd_.valid(); }
  bool ended() const { return ended_; }  // nothing more will come
  bool is_secure() const { return tls_ != nullptr; }
  bool ended_in_order() const { return ended_ && (!tls_ || tls_->heard_end()); }  // with TLS: close_notify came
  bool broken() const { return broken_; }                                         // nothing more can be sent
  const std::string& received() const { return received_; }
  const std::string& sent() const { return sent_; }
  std::uint64_t tick_of(std::size_t offset) const;  // when that byte was received

 private:
  struct Arrival {
    std::size_t end = 0;
    std::uint64_t tick = 0;
  };

  void take_in(std::string_view bytes, std::uint64_t tick);
  bool flush();  // what TLS has for the other side; false if some of it waits
  std::size_t put(std::string_view bytes);

  net::UniqueFd fd_;
  std::unique_ptr<tests::ClientTls> tls_;
  std::string sealed_;  // still to be sent
  bool ended_ = false;
  bool broken_ = false;
  std::string received_;
  std::string sent_;
  std::vector<Arrival> arrivals_;
};

// A text said piece by piece, with pauses (Script::pause).
class Speech {
 public:
  Speech(std::string text, std::size_t piece_bytes) : text_(std::move(text)), piece_bytes_(piece_bytes) {}

  bool say(Wire& wire);  // one piece; false if it has nothing to say now
  bool resume();         // ends a pause; false if there is none
  bool said() const { return at_ == text_.size() && !paused_; }

 private:
  std::string text_;
  std::size_t piece_bytes_;
  std::size_t at_ = 0;
  bool paused_ = false;
};

}  // namespace drawbridge::stage
