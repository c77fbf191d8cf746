#include "proxy/core/mode.h"

namespace drawbridge::core {

std::string_view name(Mode mode) {
  switch (mode) {
    case Mode::live:
      return "live";
    case Mode::readonly:
      return "readonly";
    case Mode::hold:
      return "hold";
    case Mode::maintenance:
      return "maintenance";
  }
  return "unknown";
}

std::string_view name(HoldScope scope) {
  return scope == HoldScope::writes ? "writes" : "all";
}

std::string_view name(RequestClass request_class) {
  switch (request_class) {
    case RequestClass::read:
      return "read";
    case RequestClass::write:
      return "write";
    case RequestClass::tunnel:
      return "tunnel";
  }
  return "unknown";
}

std::optional<Mode> parse_mode(std::string_view text) {
  for (const auto mode : {Mode::live, Mode::readonly, Mode::hold, Mode::maintenance}) {
    if (name(mode) == text) return mode;
  }
  return std::nullopt;
}

std::optional<HoldScope> parse_hold_scope(std::string_view text) {
  for (const auto scope : {HoldScope::writes, HoldScope::all}) {
    if (name(scope) == text) return scope;
  }
  return std::nullopt;
}

ClassMask drains(Mode mode, HoldScope scope) {
  const auto writes = ClassMask{}.with(RequestClass::write).with(RequestClass::tunnel);
  switch (mode) {
    case Mode::live:
      return {};
    case Mode::readonly:
      return writes;
    case Mode::hold:
      return scope == HoldScope::writes ? writes : writes.with(RequestClass::read);
    case Mode::maintenance:
      return writes.with(RequestClass::read);
  }
  return {};
}

}  // namespace drawbridge::core
