#include "config/schema.h"

#include "config/codec.h"
#include "config/config.h"
#include "config/sections.h"
#include "proxy/base/limits.h"

namespace drawbridge::config {
namespace {

constexpr std::size_t listeners_max = 64;

struct Listeners {
  static constexpr std::string_view type = "list of tables";
  static constexpr const Section* table = &listener_section;

  static void read(Reader& reader, const Node& node, std::vector<Listener>& out) {
    if (node.kind == NodeKind::table) {
      return reader.fail(node.place, "a listener is written in double brackets", "[[listener]]");
    }
    if (!reader.expect(node, NodeKind::list, "sections [[listener]]")) return;
    if (node.children.size() > listeners_max) {
      return reader.fail(node.place, fmt::format("more than {} listeners", listeners_max));
    }
    for (const auto& item : node.children) {
      Listener listener;
      reader.read_table(item, listener_section, &listener);
      if (!listener.address.empty()) out.push_back(std::move(listener));
    }
  }

  static std::string show(const std::vector<Listener>&) { return {}; }
};

// Tables by name: [pool.blue], [site.shop]. `make` gives the value its defaults.
template <class T>
void read_named(Reader& reader, const Node& node, const Section& section, std::size_t count_max,
                std::vector<T>& out, const T& defaults) {
  if (!reader.expect(node, NodeKind::table, fmt::format("sections {}", section.title))) return;
  if (node.children.size() > count_max)
    return reader.fail(node.place, fmt::format("more than {} of them", count_max));
  for (const auto& entry : node.children) {
    reader.enter(entry.key);
    if (entry.kind != NodeKind::table) {
      reader.fail(entry.key_place,
                  fmt::format("'{}' is not a section; the name is missing in {}", entry.key, section.title));
    } else if (const auto name = parse_name(entry.key); !name) {
      reader.fail(entry.key_place, name.error().message, name.error().suggestion);
    } else {
      out.push_back(defaults);
      out.back().name = *name;
      reader.read_table(entry, section, &out.back());
    }
    reader.leave();
  }
  std::ranges::sort(out, {}, &T::name);
}

void read_pools(Reader& reader, const Node& node, void* owner) {
  auto& config = *static_cast<Config*>(owner);
  Pool defaults;
  defaults.timeouts = config.timeouts.upstream;
  read_named(reader, node, pool_section, base::limits::pools_max, config.pools, defaults);
}

void read_sites(Reader& reader, const Node& node, void* owner) {
  auto& config = *static_cast<Config*>(owner);
  read_named(reader, node, site_section, base::limits::sites_max, config.sites, Site{});
}

constexpr Key named(std::string_view name, decltype(Key::read) read, const Section& section) {
  return {.name = name,
          .type = "sections by name",
          .presence = Presence::required,
          .meaning = {},
          .example = {},
          .read = read,
          .fallback = nullptr,
          .bounds = nullptr,
          .table = &section};
}

// The order is that of reading: pools take their defaults from the time-outs.
constexpr auto root_keys = std::to_array<Key>({
    key<Table<server_section>, &Config::server>("server", "The process."),
    key<Listeners, &Config::listeners>("listener", "Where clients connect.", {}, Presence::required),
    key<Table<limits_section>, &Config::limits>("limits", "Bounds."),
    key<Table<timeouts_section>, &Config::timeouts>("timeouts", "Bounds of waits."),
    named("pool", read_pools, pool_section),
    named("site", read_sites, site_section),
});

constexpr Section root{.title = "the top level", .meaning = {}, .keys = root_keys};

}  // namespace

const Section& root_section() {
  return root;
}

}  // namespace drawbridge::config
