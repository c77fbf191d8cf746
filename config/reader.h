#pragma once

#include "config/document.h"
#include "config/schema.h"
#include "config/values.h"

#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::config {

// Walks a document along the schema and collects what is wrong. Used once, by one thread. Owners keep their
// defaults where a value is missing or wrong.
class Reader {
 public:
  explicit Reader(const Document& document) : document_(document) {}

  // Fills `owner` (of the type the section was declared for): unknown keys, then each key in the schema's order,
  // then missing ones.
  void read_table(const Node& node, const Section& section, void* owner);

  // Reads one value under the key path that is current.
  void enter(std::string_view key) { path_.emplace_back(key); }
  void leave() { path_.pop_back(); }

  // Problems of the current key; place and words are the caller's.
  void fail(Place place, std::string_view message, std::string_view suggestion = {});
  void fail(const Node& node, const Flaw& flaw);

  // True if the node is of that kind; else a problem that says what is wanted ("a duration such as \"30s\"").
  bool expect(const Node& node, NodeKind kind, std::string_view wanted);

  // The current key path: "pool.blue.health".
  std::string path() const;

  std::vector<Problem> take_problems() { return std::move(problems_); }

 private:
  void report_unknown(const Node& entry, std::string_view suggestion);
  void report_missing(const Node& node, const Key& key);

  const Document& document_;
  std::vector<std::string> path_;
  std::vector<Problem> problems_;
};

}  // namespace drawbridge::config
