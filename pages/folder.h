#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/answer.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace drawbridge::pages {

// An operator's own page: index.html with placeholders, and the files it uses. In memory as a whole, so that
// showing it needs no disk; read at start and at reload.
struct PageFolder {
  std::string name;
  std::string file;  // path of index.html, for messages
  std::string html;  // checked: compiles with every placeholder it names
  std::shared_ptr<const core::AnswerAssets> assets;
};

struct FolderLimits {
  std::size_t html_bytes_max = 512 * 1024;
  std::size_t file_bytes_max = 2 * 1024 * 1024;
  std::size_t total_bytes_max = 8 * 1024 * 1024;
  std::size_t files_max = 64;
  int depth_max = 4;
};

// Reads `pages_dir/name`. Hidden files (leading dot) are passed over. Errors, naming the file: no index.html, an
// unknown placeholder (with its line), a file of a kind that is not served, a name with other than letters, digits
// and "._-", a link that leads out of the folder, a limit passed.
base::Expected<std::shared_ptr<const PageFolder>> load_page_folder(const std::filesystem::path& pages_dir,
                                                                   std::string_view name,
                                                                   const FolderLimits& limits = {});

}  // namespace drawbridge::pages
