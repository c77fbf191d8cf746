#include "config/reader.h"

#include "config/nearest.h"

#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::config {
namespace {

// Where a key that is unknown here would be right: the title of the first section below `from` that has it.
std::string_view home_of(std::string_view key, const Section& from) {
  for (const auto& known : from.keys) {
    if (known.table == nullptr) continue;
    if (std::ranges::find(known.table->keys, key, &Key::name) != known.table->keys.end()) return known.table->title;
    const auto below = home_of(key, *known.table);
    if (!below.empty()) return below;
  }
  return {};
}

std::string nearest_key(std::string_view word, const Section& section) {
  std::vector<std::string_view> names;
  for (const auto& key : section.keys) names.push_back(key.name);
  return nearest(word, names);
}

}  // namespace

void Reader::read_table(const Node& node, const Section& section, void* owner) {
  if (!expect(node, NodeKind::table, "a table")) return;
  std::vector<std::string> meant;
  for (const auto& entry : node.children) {
    if (std::ranges::find(section.keys, entry.key, &Key::name) != section.keys.end()) continue;
    meant.push_back(nearest_key(entry.key, section));
    report_unknown(entry, meant.back());
  }
  for (const auto& key : section.keys) {
    const Node* entry = node.find(key.name);
    enter(key.name);
    if (entry != nullptr && key.presence == Presence::later) {
      fail(entry->key_place, fmt::format("'{}' is not supported yet in this version", key.name));
    } else if (entry != nullptr) {
      key.read(*this, *entry, owner);
    } else if (key.presence == Presence::required && std::ranges::find(meant, key.name) == meant.end()) {
      report_missing(node, key);
    }
    leave();
  }
}

void Reader::report_unknown(const Node& entry, std::string_view suggestion) {
  const auto place = path_.empty() ? std::string("at the top level") : fmt::format("in [{}]", path());
  auto message = fmt::format("unknown key '{}' {}", entry.key, place);
  if (suggestion.empty()) {
    const auto home = home_of(entry.key, root_section());
    if (!home.empty()) message += fmt::format("; it belongs to {}", home);
  }
  enter(entry.key);
  fail(entry.key_place, message, suggestion);
  leave();
}

// A section is missed in the file, a key in its section. Where lines could not be read, what is missing may have
// stood there: then nothing is said.
void Reader::report_missing(const Node& node, const Key& key) {
  if (!document_.problems.empty()) return;
  auto around = path();
  if (around == key.name) {
    return fail(node.place, fmt::format("'{}': a section {} is missing", key.name, key.table->title));
  }
  around.resize(around.size() - key.name.size() - 1);
  fail(node.place, fmt::format("'{}' is missing in [{}]", key.name, around));
}

void Reader::fail(Place place, std::string_view message, std::string_view suggestion) {
  problems_.push_back(problem_at(document_, place, path(), message, suggestion));
}

void Reader::fail(const Node& node, const Flaw& flaw) {
  fail(node.place, flaw.message, flaw.suggestion);
}

bool Reader::expect(const Node& node, NodeKind kind, std::string_view wanted) {
  if (node.kind == kind) return true;
  const auto name = path_.empty() ? std::string_view("the file") : std::string_view(path_.back());
  fail(node.place, fmt::format("'{}' wants {}, not {}", name, wanted, describe(node.kind)));
  return false;
}

std::string Reader::path() const {
  std::string text;
  for (const auto& part : path_) text += (text.empty() ? "" : ".") + part;
  return text;
}

}  // namespace drawbridge::config
