#pragma once

#include "proxy/base/time.h"
#include "proxy/http/head.h"

#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::http {

// The value of grpc-timeout: one to eight digits and a unit, H M S m u n (gRPC over HTTP/2, "Timeout"). Rounded up
// to milliseconds.
std::optional<base::Millis> parse_grpc_timeout(std::string_view text);

// The same in the finest unit from milliseconds on that has room for it, rounded down; of what is above zero.
std::string make_grpc_timeout(base::Millis timeout);

// Whether a message with this Content-Type is gRPC's: application/grpc, with a suffix or parameters or without.
bool is_grpc(std::string_view content_type);

inline constexpr std::string_view grpc_timeout_name = "grpc-timeout";

// How long the client of this call waits; nullopt if it is no call of gRPC, or has no end.
std::optional<base::Millis> grpc_timeout(const RequestHead& head);

}  // namespace drawbridge::http
