#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace drawbridge::config {

class Reader;
struct Node;
struct Section;

enum class Presence : std::uint8_t {
  optional,  // the default is a value, or "left out" has a meaning of its own
  required,
  later,  // known, and refused by this version
};

// One key of the configuration file. The same row reads the value, suggests the name and documents it.
struct Key {
  std::string_view name;
  std::string_view type;  // for operators: "duration", "list of rules"
  Presence presence = Presence::optional;
  std::string_view meaning;  // sentences
  std::string_view example;  // the value in TOML; for a table the manual makes it from its keys
  // Sets the key's place in the owner that read_table was given. Null for keys of later versions.
  void (*read)(Reader& reader, const Node& node, void* owner) = nullptr;
  // The default in TOML, taken from a default owner; empty if there is none to show.
  std::string (*fallback)() = nullptr;
  // The values that are allowed, for operators: "1 to 128"; null if the type says it all.
  std::string (*bounds)() = nullptr;
  const Section* table = nullptr;  // the section of the values, if they are tables with keys of their own
};

// A table with known keys.
struct Section {
  std::string_view title;    // as messages and headings name it: "[pool.NAME]", "maintenance"
  std::string_view meaning;  // sentences
  std::span<const Key> keys;
};

// The whole file: the keys are the top-level tables. The owner is a Config.
const Section& root_section();

}  // namespace drawbridge::config
