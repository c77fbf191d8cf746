#pragma once

#include "config/config.h"
#include "config/problem.h"
#include "pages/shelf.h"

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::app {

// What a configuration file says, with the pages it names.
struct Configuration {
  config::Config values;
  pages::PageShelf pages;
};

using Configured = std::expected<Configuration, std::vector<config::Problem>>;

// Reads and checks the file at `path` and the folder of each page it names: what start, --check and reload accept
// is the same. Pages are looked at only when the file itself is good. Blocks on the disk.
Configured load_configuration(const std::string& path);

// What a start by this user, now, would miss of the folders that are written to, as sentences. No mistake of the
// file: a service manager may make them before the start.
std::vector<std::string> missing_folders(const config::Server& server);

// What a start with `config`, or a reload, would say because of the state on this machine, as sentences: it would
// be refused, or would not follow an edit of a site's pool or mode. Nothing where there is no state that this user
// may read. Blocks on the disk.
std::vector<std::string> state_warnings(const config::Config& config);

// Configured from a text in memory; `file` is only named in problems.
Configured parse_configuration(std::string_view text, const std::string& file);

}  // namespace drawbridge::app
