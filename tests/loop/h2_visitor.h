#pragma once

#include "tests/h2/bench.h"
#include "tests/loop/raw_socket.h"
#include "tests/loop/visitor.h"

#include <functional>

namespace drawbridge::tests {

// A session of the client's role in memory, and a socket.
class H2Visitor final : public Visitor {
 public:
  explicit H2Visitor(RawSocket socket);

  void come_in() override { socket_.come_in(); }
  void begin(const Request& request) override;
  void send(std::string_view body) override;
  Answer head() override;
  std::string body() override;
  bool quiet_for(int milliseconds) override;
  void give_up() override;
  void close() override { socket_.close(); }
  void ask_tunnel(const std::string& target) override;
  void check_opened() override;
  std::string read(std::size_t bytes) override;
  std::string read_to_end() override;
  void finish_sending() override;
  void check_broken_off() override;
  void check_spent() override;
  void check_end() override;
  void check_last() override;

 private:
  bool receive();  // once; false at the end of the connection
  void receive_until(const std::function<bool()>& done);
  void flush();

  RawSocket socket_;
  h2::Bench bench_;
  h2::Guest* guest_ = nullptr;  // of the request that was begun last
  std::size_t body_left_ = 0;
  std::size_t interim_given_ = 0;
  std::uint64_t pings_ = 0;
};

}  // namespace drawbridge::tests
