#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::ctl {

enum class Tone : std::uint8_t { plain, good, warning, bad, faint, bold };

// How text for people is dressed. Colours only where the output is a terminal.
struct Look {
  bool colour = false;

  std::string paint(Tone tone, std::string_view text) const;
};

// Columns side by side, each as wide as its widest cell, the last not padded. Widths count characters (UTF-8), not
// bytes; colours do not count.
class Table {
 public:
  struct Cell {
    std::string text;
    Tone tone = Tone::plain;
  };

  explicit Table(std::vector<std::string> heads);

  void add(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  // With a line of heads; columns that are empty in every row are left out. Ends with a line end.
  std::string print(const Look& look) const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<Cell>> rows_;
};

// "1 write", "3 writes".
std::string counted(std::int64_t count, std::string_view noun);

}  // namespace drawbridge::ctl
