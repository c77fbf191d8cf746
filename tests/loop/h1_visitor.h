#pragma once

#include "tests/loop/raw_socket.h"
#include "tests/loop/visitor.h"

namespace drawbridge::tests {

class H1Visitor final : public Visitor {
 public:
  explicit H1Visitor(RawSocket socket) : socket_(std::move(socket)) {}

  void come_in() override { socket_.come_in(); }
  void begin(const Request& request) override;
  void send(std::string_view body) override;
  Answer head() override;
  std::string body() override;
  bool quiet_for(int milliseconds) override { return socket_.quiet_for(milliseconds); }
  void give_up() override { socket_.reset(); }
  void close() override { socket_.close(); }
  void ask_tunnel(const std::string& target) override;
  void check_opened() override;
  std::string read(std::size_t bytes) override { return socket_.read(bytes); }
  std::string read_to_end() override;
  void finish_sending() override { socket_.finish_sending(); }
  void check_broken_off() override;
  void check_spent() override;
  void check_end() override;
  void check_last() override;

 private:
  RawSocket socket_;
  Answer last_;
};

}  // namespace drawbridge::tests
