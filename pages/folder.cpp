#include "pages/folder.h"

#include "pages/page_values.h"
#include "pages/template.h"
#include "proxy/base/ascii.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

namespace drawbridge::pages {
namespace {

namespace fs = std::filesystem;
using base::Error;

struct ContentType {
  std::string_view extension;
  std::string_view value;
};

constexpr ContentType content_types[] = {
    {".avif", "image/avif"},
    {".css", "text/css; charset=utf-8"},
    {".gif", "image/gif"},
    {".ico", "image/x-icon"},
    {".jpeg", "image/jpeg"},
    {".jpg", "image/jpeg"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".otf", "font/otf"},
    {".png", "image/png"},
    {".svg", "image/svg+xml"},
    {".ttf", "font/ttf"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
    {".webp", "image/webp"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
};

std::unexpected<Error> error(const fs::path& file, std::string_view what) {
  return std::unexpected(Error{fmt::format("{}: {}", file.string(), what)});
}

std::optional<std::string_view> content_type_of(const fs::path& file) {
  const std::string extension = file.extension().string();
  for (const auto& type : content_types) {
    if (base::iequals(type.extension, extension)) return type.value;
  }
  return std::nullopt;
}

bool is_hidden(const fs::path& file) {
  return file.filename().string().starts_with('.');
}

bool is_plain_name(std::string_view name) {
  const auto plain = [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.front() != '.' && std::ranges::all_of(name, plain);
}

class Loader {
 public:
  Loader(fs::path root, const FolderLimits& limits) : root_(std::move(root)), limits_(limits) {}

  std::optional<Error> walk();
  core::AnswerAssets take_assets();
  std::optional<std::string> html;  // of index.html, once seen

 private:
  std::optional<Error> take(const fs::path& file);
  base::Expected<std::string> read(const fs::path& file, std::size_t bytes_max);

  fs::path root_;  // canonical
  const FolderLimits& limits_;
  std::size_t total_bytes_ = 0;
  core::AnswerAssets assets_;
};

// A link may point to another place in the folder (as a mounted Kubernetes ConfigMap does), not out of it.
base::Expected<std::string> Loader::read(const fs::path& file, std::size_t bytes_max) {
  std::error_code code;
  const fs::path real = fs::canonical(file, code);
  if (code) return error(file, code.message());
  const auto [root_end, rest] = std::mismatch(root_.begin(), root_.end(), real.begin(), real.end());
  if (root_end != root_.end()) return error(file, "a link that leads out of the page's folder");
  if (!fs::is_regular_file(real, code)) return error(file, "not a regular file");

  std::ifstream in(real, std::ios::binary);
  std::string text(bytes_max + 1, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(text.size())) && !in.eof()) {
    return error(file, "cannot be read");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > bytes_max) return error(file, fmt::format("larger than {} bytes", bytes_max));
  total_bytes_ += text.size();
  if (total_bytes_ > limits_.total_bytes_max) {
    return error(root_, fmt::format("more than {} bytes in all", limits_.total_bytes_max));
  }
  text.shrink_to_fit();
  return text;
}

std::optional<Error> Loader::take(const fs::path& file) {
  const fs::path relative = file.lexically_relative(root_);
  if (!std::ranges::all_of(relative, [](const fs::path& part) { return is_plain_name(part.string()); })) {
    return error(file, "only letters, digits, '.', '_' and '-' may be in a name").error();
  }
  const bool index = relative == "index.html";
  const auto type = content_type_of(file);
  if (!index && !type) return error(file, "not a kind of file that is served with a page").error();
  if (!index && assets_.size() == limits_.files_max) {
    return error(root_, fmt::format("more than {} files", limits_.files_max)).error();
  }
  auto text = read(file, index ? limits_.html_bytes_max : limits_.file_bytes_max);
  if (!text) return text.error();
  if (index) {
    html = std::move(*text);
  } else {
    assets_.push_back({relative.generic_string(), *type, std::move(*text)});
  }
  return std::nullopt;
}

std::optional<Error> Loader::walk() {
  std::error_code code;
  fs::recursive_directory_iterator at(root_, code);
  for (const fs::recursive_directory_iterator end; !code && at != end; at.increment(code)) {
    const bool folder = at->is_directory(code) && !at->is_symlink(code);
    if (is_hidden(at->path())) {
      if (folder) at.disable_recursion_pending();
    } else if (folder) {
      if (at.depth() + 1 >= limits_.depth_max) return error(at->path(), "nested too deeply").error();
    } else if (auto failed = take(at->path())) {
      return failed;
    }
  }
  if (code) return error(root_, code.message()).error();
  return std::nullopt;
}

core::AnswerAssets Loader::take_assets() {
  std::ranges::sort(assets_, {}, &core::AnswerAsset::name);
  return std::move(assets_);
}

}  // namespace

base::Expected<std::shared_ptr<const PageFolder>> load_page_folder(const fs::path& pages_dir, std::string_view name,
                                                                   const FolderLimits& limits) {
  if (!is_plain_name(name)) return error(pages_dir, fmt::format("'{}' is not a name of a page's folder", name));
  const fs::path folder = pages_dir / name;
  std::error_code code;
  const fs::path root = fs::canonical(folder, code);
  if (code) return error(folder, code.message());
  if (!fs::is_directory(root, code)) return error(folder, "not a folder");

  Loader loader(root, limits);
  if (auto failed = loader.walk()) return std::unexpected(std::move(*failed));
  if (!loader.html) return error(folder, "has no index.html");

  auto page = std::make_shared<PageFolder>();
  page->name = name;
  page->file = (folder / "index.html").string();
  page->html = std::move(*loader.html);
  page->assets = std::make_shared<const core::AnswerAssets>(loader.take_assets());
  if (auto compiled = compile_page(page->html, page->file, sample_values()); !compiled) {
    return std::unexpected(std::move(compiled.error()));
  }
  return page;
}

}  // namespace drawbridge::pages
