#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace drawbridge::base {

// Who has to act for the failure to go away. Decides which side's error counter grows and, with `Reason`, the
// status a client gets (http status is chosen in one place: serve/failure_status).
enum class Fault : std::uint8_t { client, upstream, proxy };

enum class Reason : std::uint8_t {
  closed,          // orderly end of stream where more was expected
  reset,           // connection reset or aborted
  refused,         // connect refused or unreachable
  timed_out,       // a deadline of ours passed
  cancelled,       // ended by us: cut, shutdown
  malformed,       // bytes break the protocol
  handshake,       // TLS: no common ground, or a certificate that is not accepted
  too_large,       // a limit of ours passed
  no_descriptors,  // EMFILE, ENFILE
  no_server,       // no healthy server in the pool
  unsupported,     // the other side does not do what is asked
  unavailable,     // a resource of ours is missing (disk, memory)
};

// An expected outcome that is not success. Small and trivially copyable; no allocation on the data path.
struct Failure {
  Fault fault = Fault::proxy;
  Reason reason = Reason::unavailable;
  bool retry_safe = false;  // true: certainly no byte of the request was processed
  int os_error = 0;         // errno where one exists, else 0
};

template <class T>
using Result = std::expected<T, Failure>;

// Error for a person: configuration, state files, commands. Not used on the data path.
struct Error {
  std::string message;
};

template <class T>
using Expected = std::expected<T, Error>;

std::string_view name(Fault fault);
std::string_view name(Reason reason);

// Failure of a socket call: maps errno to a reason. `retry_safe` is left false.
Failure os_failure(Fault fault, int os_error);

}  // namespace drawbridge::base
