#include "config/manual.h"

#include "config/config.h"
#include "config/load.h"
#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::config {
namespace {

constexpr std::string_view introduction = R"(# Configuration

<!-- Generated: `build/dev/bin/config_doc > docs/CONFIG.md`. The texts stand in config/schema_*.cpp. -->

One TOML file tells `proxyd` what exists: listeners, pools, sites, limits. What is on right now (modes, active pools)
is state and belongs to `proxyctl`; a reload does not change it.

    proxyd --check FILE      says everything that is wrong with the file; exit code 0 or 1
    proxyd --config FILE     runs with it
    proxyctl reload          takes the file into use as a whole, or changes nothing and says why

The smallest file that works:

```toml
[[listener]]
address = "0.0.0.0:8080"

[pool.blue]
servers = ["127.0.0.1:9001"]

[site.shop]
pool = "blue"
```

More to start from: [config/examples](../config/examples).

A mistake is shown where it stands, and all mistakes of a file are shown at once:

```
)";

constexpr std::string_view mistaken = R"([[listener]]
address = "0.0.0.0:8080"

[pool.blue]
servers = ["127.0.0.1:9001"]
balnce = "round_robin"

[site.shop]
pool = "bleu"
drain = { timeout = "30" }
)";

constexpr std::string_view values = R"(```

## Values

- **duration**: `"250ms"`, `"30s"`, `"10m"`, `"2h"`, `"1h30m"`, `"1d"`. A text; the unit is needed.
- **size**: `"512B"`, `"64KiB"`, `"10MB"`, `"1GiB"`. KiB, MiB and GiB are powers of 1024; KB, MB and GB of 1000. A
  number without quotes is bytes.
- **address**: `"127.0.0.1:9001"`, `"[::1]:9001"`, `"app.internal:80"`. The port is needed; listeners take IP addresses
  only.
- **network**: `"10.0.0.0/8"`, `"2001:db8::/32"`, `"192.0.2.1"`.
- **rule**: `"POST /login"`, `"* /api/devices/**"`. Method and path: `*` is any method; in the path `*` stays inside a
  segment and `**` crosses segments. Case counts.
- **name** (of sites, pools and pages): a-z, 0-9, `_` and `-`.

Tables can be written in braces on one line, or as sections of their own: `hold = { max_wait = "30s" }` in
`[site.shop]` is the same as `max_wait = "30s"` in `[site.shop.hold]`.
)";

std::string facts(const Key& key) {
  std::string text(key.type);
  if (key.bounds != nullptr) text = text == "choice" ? key.bounds() : fmt::format("{}, {}", text, key.bounds());
  const auto fallback = key.fallback != nullptr ? key.fallback() : std::string();
  if (key.presence == Presence::required) return text + "; required";
  return fallback.empty() ? text + "; may be left out" : fmt::format("{}; default `{}`", text, fallback);
}

// One sentence group a line: a diff of the page then shows what changed.
std::string entry(const Key& key) {
  auto text = fmt::format("- **`{}`** ({})  \n  {}", key.name, facts(key), key.meaning);
  if (!key.example.empty()) text += fmt::format("  \n  `{} = {}`", key.name, key.example);
  return text + "\n";
}

// A table in braces made of the examples of its keys.
std::string example_of(const Section& section) {
  std::string text;
  for (const auto& key : section.keys) {
    if (key.example.empty() || key.table != nullptr || key.name == "pool") continue;
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", key.name, key.example);
  }
  return text.empty() ? std::string() : fmt::format("{{ {} }}", text);
}

std::string keys_of(const Section& section) {
  std::string text;
  for (const auto& key : section.keys) {
    if (key.presence != Presence::later) text += entry(key);
  }
  return text;
}

// The tables inside of a section, each once even if two keys take the same.
std::string inner_tables(const Section& section) {
  std::vector<const Section*> seen;
  std::string text;
  for (const auto& key : section.keys) {
    if (key.table == nullptr || std::ranges::find(seen, key.table) != seen.end()) continue;
    seen.push_back(key.table);
    text += fmt::format("\n### {} of {}\n\n{}\n\n", key.table->title, section.title, key.table->meaning);
    text += keys_of(*key.table);
    const auto example = example_of(*key.table);
    if (!example.empty() && key.type == "table")
      text += fmt::format("\n```toml\n{} = {}\n```\n", key.name, example);
  }
  return text;
}

std::string mistakes() {
  const auto outcome = parse(mistaken, "shop.toml");
  return outcome ? std::string() : format(outcome.error());
}

}  // namespace

std::string manual() {
  std::string text = std::string(introduction) + mistakes() + std::string(values);
  for (const auto& key : root_section().keys) {
    text += fmt::format("\n## {}\n\n{}\n\n", key.table->title, key.table->meaning);
    text += keys_of(*key.table) + inner_tables(*key.table);
  }
  return text;
}

}  // namespace drawbridge::config
