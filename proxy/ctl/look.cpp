#include "proxy/ctl/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::ctl {

namespace {

constexpr std::size_t gap = 2;

std::string_view code(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::good:
      return "32";
    case Tone::warning:
      return "33";
    case Tone::bad:
      return "31;1";
    case Tone::faint:
      return "2";
    case Tone::bold:
      return "1";
  }
  return "";
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace

std::string Look::paint(Tone tone, std::string_view text) const {
  if (!colour || tone == Tone::plain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code(tone), text);
}

Table::Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}

void Table::add(std::vector<Cell> cells) {
  cells.resize(heads_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::print(const Look& look) const {
  std::vector<std::size_t> widths(heads_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i].text));
  }
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] == 0) continue;
    shown.push_back(i);
    widths[i] = std::max(widths[i], width(heads_[i]));
  }
  std::string out;
  const auto line = [&](const auto& cell) {
    std::string text;
    std::size_t owed = 0;
    for (const std::size_t i : shown) {
      const Cell& content = cell(i);
      if (!content.text.empty()) {
        text += std::string(owed, ' ') + look.paint(content.tone, content.text);
        owed = 0;
      }
      owed += widths[i] - width(content.text) + gap;
    }
    out += text + "\n";
  };
  std::vector<Cell> heads;
  for (const auto& head : heads_) heads.push_back({head, Tone::faint});
  line([&](std::size_t i) -> const Cell& { return heads[i]; });
  for (const auto& row : rows_) line([&](std::size_t i) -> const Cell& { return row[i]; });
  return out;
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace drawbridge::ctl
