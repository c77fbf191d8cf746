#pragma once

#include "proxy/net/unique_fd.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::tests {

// A blocking TCP connection on loopback whose every wait ends after `patience_seconds`; then the test fails.
class RawSocket {
 public:
  static constexpr int patience_seconds = 10;

  enum class End : std::uint8_t { fin, reset };

  explicit RawSocket(net::UniqueFd fd);
  static RawSocket connect(std::uint16_t port);

  void send(std::string_view bytes);
  void try_send(std::string_view bytes);         // lost if the other side takes nothing any more
  std::string read_until(std::string_view end);  // what came, up to and with `end`
  std::string read(std::size_t bytes);
  std::string read_some();    // what is next to come; empty at the end, which end() then names
  std::string read_to_end();  // what comes before the end, which end() then names
  End end() const { return end_; }
  bool quiet_for(int milliseconds);  // neither bytes nor an end
  void finish_sending();
  void reset();  // closes so that the peer sees a reset
  void close() { fd_.reset(); }

 private:
  bool receive();  // false at the end

  net::UniqueFd fd_;
  std::string received_;
  End end_ = End::fin;
};

// A listening socket that the test serves by hand.
class RawServer {
 public:
  RawServer();
  std::uint16_t port() const { return port_; }
  RawSocket accept();
  bool nobody_came() const;
  void stop_answering();  // from now on the kernel ignores who wants to connect
  void close() { fd_.reset(); }

 private:
  net::UniqueFd fd_;
  std::vector<net::UniqueFd> fillers_;
  std::uint16_t port_ = 0;
};

}  // namespace drawbridge::tests
