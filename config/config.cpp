#include "config/config.h"

#include <algorithm>

namespace drawbridge::config {

const Pool* Config::find_pool(std::string_view name) const {
  const auto found = std::ranges::find(pools, name, &Pool::name);
  return found == pools.end() ? nullptr : &*found;
}

const Site* Config::find_site(std::string_view name) const {
  const auto found = std::ranges::find(sites, name, &Site::name);
  return found == sites.end() ? nullptr : &*found;
}

}  // namespace drawbridge::config
