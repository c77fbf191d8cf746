#include "proxy/net/handed_over.h"

#include "proxy/net/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <set>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace drawbridge::net {
namespace {

constexpr int first_handed = 3;
constexpr int handed_max = 16'384;

std::optional<std::string> take_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string text = value;
  ::unsetenv(name);
  return text;
}

std::optional<int> read_number(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

int option_of(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

ino_t identity(int fd) {
  struct stat facts{};
  return ::fstat(fd, &facts) == 0 ? facts.st_ino : 0;
}

// Null if clients can be accepted with it.
const char* fault_of(int fd) {
  if (::fcntl(fd, F_GETFD) < 0) return "it is not open";
  const int domain = option_of(fd, SO_DOMAIN);
  if (domain < 0) return "it is no socket";
  const bool tcp = (domain == AF_INET || domain == AF_INET6) && option_of(fd, SO_TYPE) == SOCK_STREAM;
  if (!tcp) return "it is no TCP socket";
  if (option_of(fd, SO_ACCEPTCONN) != 1) return "it does not listen";
  return nullptr;
}

// As listen_on() makes them, whoever has made it.
void make_ours(int fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::listen(fd, SOMAXCONN);
}

// One name each, in their order; fewer or none where nobody has named them.
std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> list;
  std::size_t at = 0;
  while (at <= names.size()) {
    const auto end = std::min(names.find(':', at), names.size());
    list.push_back(names.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

HandedOver take(int count, std::vector<std::string> names) {
  HandedOver handed;
  std::set<ino_t> known;
  names.resize(static_cast<std::size_t>(count));
  for (int number = first_handed; number < first_handed + count; ++number) {
    const auto& name = names[static_cast<std::size_t>(number - first_handed)];
    const char* fault = fault_of(number);
    UniqueFd fd(number);
    if (fault != nullptr && name == lent_name) continue;
    if (fault == nullptr && !known.insert(identity(number)).second) fault = "it is there twice";
    if (fault != nullptr) {
      handed.unfit.push_back(fmt::format("descriptor {}: {}", number, fault));
      continue;
    }
    make_ours(number);
    auto address = bound_address(number);
    const bool shares = option_of(number, SO_REUSEPORT) == 1;
    const bool stored = name == keeping_name(number);
    handed.sockets.push_back(
        {.fd = std::move(fd), .address = std::move(address), .shares_port = shares, .from_store = stored});
  }
  return handed;
}

}  // namespace

base::Expected<HandedOver> take_handed_over() {
  const auto pid = take_variable("LISTEN_PID");
  const auto count = take_variable("LISTEN_FDS");
  const auto names = take_variable("LISTEN_FDNAMES");
  if (!count) return HandedOver{};
  if (pid != std::to_string(::getpid())) {
    HandedOver nothing;
    nothing.unfit.push_back(
        fmt::format("{} descriptors for process {}: they are not for this one (start proxyd itself, or with exec)",
                    *count, pid.value_or("")));
    return nothing;
  }
  const auto number = read_number(*count);
  if (!number || *number > handed_max) {
    return std::unexpected(base::Error{
        fmt::format("LISTEN_FDS is '{}', not a number of descriptors: what starts proxyd is wrong", *count)});
  }
  return take(*number, split(names.value_or("")));
}

void stop_listening(const HandedSocket& socket) {
  ::shutdown(socket.fd.get(), SHUT_RD);
}

base::Expected<void> listen_again(const HandedSocket& socket) {
  if (::listen(socket.fd.get(), SOMAXCONN) == 0) return {};
  return std::unexpected(base::Error{fmt::format("{}: {}", socket.address, std::strerror(errno))});
}

std::string keeping_name(int fd) {
  return fmt::format("listener-{}", identity(fd));
}

}  // namespace drawbridge::net
