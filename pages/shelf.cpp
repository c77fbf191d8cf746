#include "pages/shelf.h"

#include <utility>

namespace drawbridge::pages {

std::expected<PageShelf, std::vector<base::Error>> PageShelf::load(const std::filesystem::path& pages_dir,
                                                                   const std::set<std::string>& names) {
  PageShelf shelf;
  std::vector<base::Error> errors;
  for (const std::string& name : names) {
    if (name.empty()) continue;
    if (auto folder = load_page_folder(pages_dir, name)) {
      shelf.folders_.emplace(name, std::move(*folder));
    } else {
      errors.push_back(std::move(folder.error()));
    }
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return shelf;
}

const PageFolder* PageShelf::find(std::string_view name) const {
  const auto found = folders_.find(name);
  return found == folders_.end() ? nullptr : found->second.get();
}

}  // namespace drawbridge::pages
