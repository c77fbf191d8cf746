#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::registers {

// CLOCK_MONOTONIC in nanoseconds: one clock for all processes of a machine.
std::int64_t now_ns();

// On a free port of 127.0.0.1, or on `port`. Ends the process if it cannot be had.
int listen_on(std::uint16_t port);
std::uint16_t port_of(int socket);

// "127.0.0.1:8080"; blocks for as long as connecting takes; -1 with errno. TCP_NODELAY is set.
int connect_to(const std::string& address);

// Appends what the kernel has. False: the connection is over. `socket` does not block.
bool receive(int socket, std::string& bytes);
// Sends from the front of `bytes` what the kernel takes. False: the connection is over.
bool send_some(int socket, std::string& bytes);

// The first request or response in `bytes`, if it is whole: head and a body of Content-Length (none: 0 bytes).
struct Message {
  std::string_view line;  // the first one, without its end
  std::string_view head;  // all lines
  std::string_view body;
  std::size_t size = 0;
};
std::optional<Message> first_message(std::string_view bytes);
// The value of a field, its name in any case; empty if there is none.
std::string_view field(std::string_view head, std::string_view name);

}  // namespace drawbridge::registers
