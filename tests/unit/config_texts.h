#pragma once

#include "config/load.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace drawbridge::tests {

inline constexpr std::string_view smallest_config = R"([[listener]]
address = "127.0.0.1:0"
[pool.blue]
servers = ["127.0.0.1:9001"]
[site.web]
pool = "blue"
)";

// The configuration, or an empty one after a failed check that shows what was told.
inline config::Config accepted(std::string_view text) {
  auto outcome = config::parse(text, "test.toml");
  const auto told = outcome ? std::string() : config::format(outcome.error());
  CHECK(told == "");
  return outcome.value_or(config::Config{});
}

// What is told about the smallest configuration with `more` at its end.
inline std::string refused(std::string_view more) {
  const auto outcome = config::parse(std::string(smallest_config) + std::string(more), "test.toml");
  REQUIRE_FALSE(outcome.has_value());
  return config::format(outcome.error());
}

}  // namespace drawbridge::tests
