#pragma once

#include "config/problem.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::config {

struct Place {
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // from 1, bytes
  std::uint32_t width = 1;
};

enum class NodeKind : std::uint8_t { boolean, integer, floating, text, date, list, table };

// For messages: "a text", "a table".
std::string_view describe(NodeKind kind);

// A TOML value with the place it came from. The members that do not fit `kind` are empty.
struct Node {
  NodeKind kind = NodeKind::table;
  std::string key;  // of an entry of a table; empty for items of a list and for the root
  Place key_place;  // where the key stands; the value's place for items of a list
  Place place;      // where the value stands; the header for a table that has one
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;            // of an integer: its digits as written
  std::vector<Node> children;  // items in order, or entries in the order of the file

  // The entry of a table; nullptr if there is none.
  const Node* find(std::string_view wanted) const;
};

// The value at the end of a path of keys; nullptr if it is not written.
const Node* find(const Node& root, std::initializer_list<std::string_view> path);

// A configuration file taken apart: what it says, and where it breaks TOML.
struct Document {
  std::string file;
  std::vector<std::string> lines;  // without line ends and without a byte order mark
  Node root;
  std::vector<Problem> problems;  // syntax errors; `root` then lacks the statements they stand in
};

// Never fails and never throws on outside data: what cannot be read is in `problems`. Nesting is bounded.
Document read_document(std::string_view text, std::string_view file);

// A problem at a place of the document, with its source line. The message gets the key in front unless it names the
// key itself. Texts are made printable.
Problem problem_at(const Document& document, Place place, std::string_view key, std::string_view message,
                   std::string_view suggestion = {});

inline constexpr std::size_t nesting_max = 16;
inline constexpr std::size_t line_bytes_max = 8 * 1024;  // problems show whole lines

}  // namespace drawbridge::config
