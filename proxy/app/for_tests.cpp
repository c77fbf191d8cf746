#include "proxy/app/for_tests.h"

#include "proxy/base/ascii.h"

#include <csignal>
#include <cstdlib>
#include <string>

namespace drawbridge::app {

std::size_t io_bytes_for_tests() {
  const auto* text = std::getenv("DRAWBRIDGE_TEST_IO_BYTES");
  const auto bytes = text != nullptr ? base::parse_decimal(text) : std::nullopt;
  return bytes && *bytes > 0 ? *bytes : static_cast<std::size_t>(-1);
}

std::function<void(const core::CutoverPoint&)> death_for_tests() {
  const auto* text = std::getenv("DRAWBRIDGE_TEST_DIE_AT");
  if (text == nullptr) return {};
  return [wanted = std::string(text)](const core::CutoverPoint& point) {
    if (core::name(point) == wanted) std::raise(SIGKILL);
  };
}

}  // namespace drawbridge::app
