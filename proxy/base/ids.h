#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace drawbridge::base {

// 128 random-looking bits as 32 lower-case hex digits: unique across workers, processes and restarts, not a secret.
struct RequestId {
  std::array<char, 32> text{};

  std::string_view view() const { return {text.data(), text.size()}; }
};

// Makes request ids without a system call per id. One object a thread; seeded from the kernel at construction.
class IdSource {
 public:
  IdSource();
  RequestId next();
  std::uint64_t next_bits();  // 64 well-mixed bits: jitter, sampling; never for security

 private:
  RequestId id_;  // its first half is this source's own
  std::uint64_t state_ = 0;
};

// n bytes from the kernel's generator, for keys and tokens. Ends the process if the kernel cannot give any.
void random_bytes(void* out, std::size_t n);

}  // namespace drawbridge::base
