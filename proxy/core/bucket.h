#pragma once

#include "proxy/http/forwarded.h"

#include <string_view>

namespace drawbridge::core {

// Which hundredth of a percent a client is in, below `bucket_count`. XXH64 (a specified hash, seed 0) of the bytes,
// so the same in every process, on every machine and after every update.
inline constexpr unsigned bucket_count = 10'000;

unsigned bucket_of(std::string_view text);
// An IPv4 address by itself; an IPv6 one by its first 64 bits, for a household changes the others as it likes.
unsigned bucket_of(const http::IpAddress& address);

}  // namespace drawbridge::core
