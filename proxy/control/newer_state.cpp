#include "proxy/control/newer_state.h"

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace drawbridge::control {
namespace {

namespace json = boost::json;

constexpr std::size_t sites_named_max = 20;

// "" where it is no word that may stand on a terminal.
std::string_view word(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains({key.data(), key.size()});
  const auto* text = value == nullptr ? nullptr : value->if_string();
  if (text == nullptr) return "";
  const std::string_view found(text->data(), text->size());
  const bool plain = std::ranges::all_of(found, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  return plain ? found : "";
}

std::string what_is_on(const json::object& state) {
  const auto* sites = state.if_contains("sites");
  const auto* by_name = sites == nullptr ? nullptr : sites->if_object();
  if (by_name == nullptr) return "";
  std::string list;
  std::size_t named = 0;
  for (const auto& [name, value] : *by_name) {
    const auto* site = value.if_object();
    const auto mode = site == nullptr ? "" : word(*site, "mode"), pool = site == nullptr ? "" : word(*site, "pool");
    if (mode.empty() || pool.empty()) continue;
    if (++named > sites_named_max) return list + ", and more";
    list += fmt::format("{}{} {} on pool {}", list.empty() ? "" : ", ", std::string_view(name.data(), name.size()),
                        mode, pool);
  }
  return list;
}

}  // namespace

std::string ways_from_newer_state(const json::object& state) {
  const auto on = what_is_on(state);
  return fmt::format(
      "start the newer one again; or, to stay with this one, give each site in the configuration the mode and pool "
      "that are on now{}, move state.json and state.json.previous away, and start: slices, ends of modes and "
      "servers "
      "taken out are not kept then",
      on.empty() ? "" : " (" + on + ")");
}

}  // namespace drawbridge::control
