#pragma once

#include "pages/folder.h"
#include "proxy/base/failure.h"

#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::pages {

// The page folders one configuration names. A value: a reload reads a new shelf and then swaps it in, or keeps the
// old.
class PageShelf {
 public:
  // Reads the folder of each name below `pages_dir`; empty names (the built-in page) are passed over. Tells every
  // mistake, not the first.
  static std::expected<PageShelf, std::vector<base::Error>> load(const std::filesystem::path& pages_dir,
                                                                 const std::set<std::string>& names);

  // Null for a name that was not loaded, and for the empty one: the built-in page.
  const PageFolder* find(std::string_view name) const;

 private:
  // Shared with nothing but copies of the shelf; immutable.
  std::map<std::string, std::shared_ptr<const PageFolder>, std::less<>> folders_;
};

}  // namespace drawbridge::pages
