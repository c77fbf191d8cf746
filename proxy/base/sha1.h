#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace drawbridge::base {

// SHA-1 (RFC 3174) of a short text, for the handshake of WebSockets: nothing secret rests on it.
std::array<std::uint8_t, 20> sha1(std::string_view text);

}  // namespace drawbridge::base
