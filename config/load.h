#pragma once

#include "config/config.h"
#include "config/problem.h"

#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::config {

// What certificate files hold is for who knows certificates to judge, and which groups there are for the machine.
struct TlsFlaw {
  std::string_view key;  // in the table, or in item `index` of its `certificates`
  std::size_t index = 0;
  std::string message;  // names the file
};
struct FileChecks {
  std::function<std::optional<TlsFlaw>(const ListenerTls&)> listener;
  std::function<std::optional<TlsFlaw>(const PoolTls&)> pool;
  std::function<std::optional<std::string>(const std::string& name)> group;  // what is wrong with it
};

// Reads and checks the file at `path`. On failure all problems of the file in the order of its lines, at least one;
// a file that cannot be read is one problem at line 0. A syntax error hides what stands behind it.
// Blocks on the disk: before the listeners open, or on the control thread for a reload.
std::expected<Config, std::vector<Problem>> load(const std::string& path, const FileChecks& checks = {});

// The same for a text in memory; `file` is only named in problems.
std::expected<Config, std::vector<Problem>> parse(std::string_view text, std::string_view file);

inline constexpr std::size_t file_bytes_max = 1024 * 1024;
inline constexpr std::size_t problems_max = 100;  // of one file; more are counted in a last problem

}  // namespace drawbridge::config
