#pragma once

#include <source_location>

namespace drawbridge::base {

[[noreturn]] void check_failed(const char* expression, std::source_location where);

}  // namespace drawbridge::base

// Programmer errors only, never outside data. On in every build: a proxy that lost an invariant must not go on.
#define DRAWBRIDGE_CHECK(expression)                    \
  (static_cast<bool>(expression) ? static_cast<void>(0) \
                                 : ::drawbridge::base::check_failed(#expression, std::source_location::current()))
