// What an operator's --run does: `register_copy NAME=ADDRESS…` copies the registers from the server that
// DRAWBRIDGE_FROM names to the one that DRAWBRIDGE_TO names.
#include "tests/registers/sockets.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <unistd.h>

namespace drawbridge::registers {
namespace {

std::string address_of(const char* variable, int argc, char** argv) {
  const char* name = std::getenv(variable);
  const std::string start = std::string(name == nullptr ? "" : name) + "=";
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], start.c_str(), start.size()) == 0) return argv[i] + start.size();
  }
  std::fprintf(stderr, "register_copy: no address for %s%s\n", variable, start.c_str());
  std::exit(2);
}

std::string ask(const std::string& address, const std::string& request) {
  const int socket = connect_to(address);
  std::string unsent = request, answer;
  pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
  while (socket >= 0 && send_some(socket, unsent) && receive(socket, answer)) {
    if (const auto message = first_message(answer)) {
      close(socket);
      return std::string(message->body);
    }
    waiting.events = static_cast<short>(unsent.empty() ? POLLIN : POLLIN | POLLOUT);
    poll(&waiting, 1, -1);
  }
  std::fprintf(stderr, "register_copy: %s does not answer\n", address.c_str());
  std::exit(1);
}

}  // namespace
}  // namespace drawbridge::registers

int main(int argc, char** argv) {
  using namespace drawbridge::registers;
  const auto all = ask(address_of("DRAWBRIDGE_FROM", argc, argv), "GET /dump HTTP/1.1\r\n\r\n");
  const auto head = "POST /load HTTP/1.1\r\nContent-Length: " + std::to_string(all.size()) + "\r\n\r\n";
  ask(address_of("DRAWBRIDGE_TO", argc, argv), head + all);
}
