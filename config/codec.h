#pragma once

#include "config/nearest.h"
#include "config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <type_traits>

// How the values of each type are read from TOML and shown as defaults. A codec has `type` (words for operators),
// `read(Reader&, const Node&, T&)` and `show(const T&)` (TOML, empty for "nothing"). Included by the schema only.
namespace drawbridge::config {

// "" quotes and escapes as a basic string of TOML.
std::string quoted(std::string_view text);
std::string quoted_list(std::span<const std::string> texts);

// A text that passes one of the checks of values.h.
template <Checked<std::string> (*check)(std::string_view)>
struct Text {
  static constexpr std::string_view type = "text";

  static void read(Reader& reader, const Node& node, std::string& out) {
    if (!reader.expect(node, NodeKind::text, "a text in quotes")) return;
    if (auto value = check(node.text)) {
      out = std::move(*value);
    } else {
      reader.fail(node, value.error());
    }
  }

  static std::string show(const std::string& value) { return value.empty() ? "" : quoted(value); }
};

inline constexpr std::size_t list_items_max = 1'000;

// A list of such texts, each once.
template <Checked<std::string> (*check)(std::string_view)>
struct Texts {
  static constexpr std::string_view type = "list of texts";

  static void read(Reader& reader, const Node& node, std::vector<std::string>& out) {
    if (!reader.expect(node, NodeKind::list, "a list of texts, such as [\"…\"]")) return;
    if (node.children.size() > list_items_max) {
      return reader.fail(node.place, fmt::format("the list has more than {} items", list_items_max));
    }
    std::vector<std::string> values;
    for (const auto& item : node.children) {
      std::string value;
      Text<check>::read(reader, item, value);
      if (value.empty()) continue;
      if (std::ranges::find(values, value) != values.end()) {
        reader.fail(item.place, fmt::format("'{}' stands in the list twice", value));
      } else {
        values.push_back(std::move(value));
      }
    }
    out = std::move(values);
  }

  static std::string show(const std::vector<std::string>& values) { return quoted_list(values); }
};

// The same where an empty list would mean something else than it says.
template <Checked<std::string> (*check)(std::string_view)>
struct SomeTexts : Texts<check> {
  static void read(Reader& reader, const Node& node, std::vector<std::string>& out) {
    if (node.kind == NodeKind::list && node.children.empty()) {
      return reader.fail(node.place, "the list is empty; leave the key out instead");
    }
    Texts<check>::read(reader, node, out);
  }

  static std::string show(const std::vector<std::string>& values) {
    return values.empty() ? "" : quoted_list(values);
  }
};

// The same with a word that says more than "text".
struct FilePath : Text<parse_file_path> {
  static constexpr std::string_view type = "absolute path";
};

struct Name : Text<parse_name> {
  static constexpr std::string_view type = "name";
};

struct RuleList : Texts<parse_rule> {
  static constexpr std::string_view type = "list of rules";
};

struct NetworkList : Texts<parse_network> {
  static constexpr std::string_view type = "list of networks";
};

template <std::int64_t min, std::int64_t max>
struct Number {
  static constexpr std::string_view type = "number";

  static void read(Reader& reader, const Node& node, std::integral auto& out) {
    if (!reader.expect(node, NodeKind::integer, "a number without quotes")) return;
    if (node.integer < min || node.integer > max) {
      return reader.fail(node.place, fmt::format("{} is out of range: from {} to {}", node.text, min, max));
    }
    out = static_cast<std::remove_reference_t<decltype(out)>>(node.integer);
  }

  static std::string show(std::integral auto value) { return fmt::format("{}", value); }
  static std::string bounds() { return fmt::format("{} to {}", min, max); }
};

struct Flag {
  static constexpr std::string_view type = "true or false";

  static void read(Reader& reader, const Node& node, bool& out) {
    if (reader.expect(node, NodeKind::boolean, "true or false, without quotes")) out = node.boolean;
  }

  static std::string show(bool value) { return value ? "true" : "false"; }
};

// Reads the duration itself; false if a problem was reported.
bool read_duration(Reader& reader, const Node& node, base::Millis min, base::Millis max, base::Millis& out);

template <std::int64_t min_ms, std::int64_t max_ms>
struct Duration {
  static constexpr std::string_view type = "duration";

  static void read(Reader& reader, const Node& node, base::Millis& out) {
    read_duration(reader, node, base::Millis(min_ms), base::Millis(max_ms), out);
  }

  static std::string show(base::Millis value) { return quoted(base::format_duration(value)); }
  static std::string bounds() {
    return fmt::format("{} to {}", base::format_duration(base::Millis(min_ms)),
                       base::format_duration(base::Millis(max_ms)));
  }
};

bool read_size(Reader& reader, const Node& node, std::uint64_t min, std::uint64_t max, std::uint64_t& out);

template <std::uint64_t min, std::uint64_t max>
struct Size {
  static constexpr std::string_view type = "size";

  static void read(Reader& reader, const Node& node, std::uint64_t& out) { read_size(reader, node, min, max, out); }

  static std::string show(std::uint64_t value) { return quoted(format_size(value)); }
  static std::string bounds() { return fmt::format("{} to {}", format_size(min), format_size(max)); }
};

// For people: "live", "readonly" or "maintenance", with their quotes.
std::string alternatives(std::span<const std::string_view> names);

// The index of the text in `names`; nullopt with a problem (and the nearest name) otherwise.
std::optional<std::size_t> read_choice(Reader& reader, const Node& node, std::span<const std::string_view> names);

// `names[i]` is the enumerator with the value i.
template <const auto& names>
struct Choice {
  static constexpr std::string_view type = "choice";

  template <class Enum>
  static void read(Reader& reader, const Node& node, Enum& out) {
    if (const auto index = read_choice(reader, node, names)) out = static_cast<Enum>(*index);
  }

  template <class Enum>
  static std::string show(Enum value) {
    return quoted(names[static_cast<std::size_t>(value)]);
  }

  static std::string bounds() { return alternatives(names); }
};

// A table with keys of its own.
template <const Section& section>
struct Table {
  static constexpr std::string_view type = "table";
  static constexpr const Section* table = &section;

  static void read(Reader& reader, const Node& node, auto& out) { reader.read_table(node, section, &out); }

  static std::string show(const auto&) { return {}; }
};

template <class Member>
struct MemberOf;

template <class T, class O>
struct MemberOf<T O::*> {
  using Owner = O;
};

template <auto first, auto... rest>
constexpr auto& follow(auto& owner) {
  if constexpr (sizeof...(rest) == 0) {
    return owner.*first;
  } else {
    return follow<rest...>(owner.*first);
  }
}

// A row of the schema: `Codec` reads into the member that the pointers lead to, from the owner inwards.
template <class Codec, auto first, auto... rest>
constexpr Key key(std::string_view name, std::string_view meaning, std::string_view example = {},
                  Presence presence = Presence::optional) {
  using Owner = typename MemberOf<decltype(first)>::Owner;
  Key row{.name = name, .type = Codec::type, .presence = presence, .meaning = meaning, .example = example};
  row.read = [](Reader& reader, const Node& node, void* owner) {
    Codec::read(reader, node, follow<first, rest...>(*static_cast<Owner*>(owner)));
  };
  row.fallback = [] {
    const Owner owner{};
    return Codec::show(follow<first, rest...>(owner));
  };
  if constexpr (requires { Codec::table; }) row.table = Codec::table;
  if constexpr (requires { Codec::bounds(); }) row.bounds = Codec::bounds;
  return row;
}

}  // namespace drawbridge::config
