#include "pages/template.h"

#include "pages/escape.h"
#include "proxy/base/ascii.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace drawbridge::pages {
namespace {

constexpr std::size_t section_depth_max = 16;

// "{{#name}}" taken apart.
struct Tag {
  char kind = 0;  // 0 value, '#', '^', '/', '!'
  std::string_view name;
  std::size_t bytes = 0;  // from "{{" to "}}"
};

bool is_name_character(char c) {
  return base::is_alpha(c) || base::is_digit(c) || c == '_' || c == '-' || c == '.';
}

// The tag at the start of `text`, or nullopt where the braces are text.
std::optional<Tag> read_tag(std::string_view text) {
  const auto end = text.find("}}");
  if (end == std::string_view::npos) return std::nullopt;
  Tag tag;
  tag.bytes = end + 2;
  std::string_view inner = base::trim(text.substr(2, end - 2));
  if (!inner.empty() && std::string_view{"#^/!"}.contains(inner.front())) {
    tag.kind = inner.front();
    inner = base::trim(inner.substr(1));
  }
  tag.name = inner;
  if (tag.kind == '!') return tag;
  if (inner.empty() || !std::ranges::all_of(inner, is_name_character)) return std::nullopt;
  return tag;
}

bool starts_with_tag(std::string_view text, std::string_view tag) {
  return text.size() >= tag.size() && base::iequals(text.substr(0, tag.size()), tag);
}

class Compiler {
 public:
  Compiler(std::string_view page, std::string_view file, std::span<const Placeholder> placeholders)
      : page_(page), file_(file), placeholders_(placeholders) {}

  base::Expected<core::AnswerTemplate> run();

 private:
  struct Section {
    std::string_view name;
    bool shown;
    std::size_t line;
  };

  std::optional<base::Error> take(const Tag& tag);
  std::optional<base::Error> close(const Tag& tag);
  std::optional<base::Error> put_value(const Placeholder& placeholder);
  void take_text();
  base::Error error_at(std::size_t line, const std::string& what) const;
  base::Error unknown(std::string_view name) const;
  const Placeholder* find(std::string_view name) const;
  bool shown() const { return std::ranges::all_of(open_, &Section::shown); }

  std::string_view page_;
  std::string_view file_;
  std::span<const Placeholder> placeholders_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  bool in_script_ = false;
  std::vector<Section> open_;
  core::AnswerTemplate out_;
};

base::Error Compiler::error_at(std::size_t line, const std::string& what) const {
  return {fmt::format("{}:{}: {}", file_, line, what)};
}

base::Error Compiler::unknown(std::string_view name) const {
  std::string known;
  for (const auto& placeholder : placeholders_) {
    if (placeholder.trusted_markup) continue;
    if (!known.empty()) known += ' ';
    known += placeholder.name;
  }
  return error_at(line_, fmt::format("unknown placeholder {{{{{}}}}}; known are: {}", name, known));
}

const Placeholder* Compiler::find(std::string_view name) const {
  const auto found = std::ranges::find(placeholders_, name, &Placeholder::name);
  return found == placeholders_.end() ? nullptr : &*found;
}

std::optional<base::Error> Compiler::put_value(const Placeholder& placeholder) {
  if (in_script_ && !placeholder.trusted_markup) {
    return error_at(line_,
                    fmt::format("{{{{{}}}}} inside <script>: put it into a data- attribute and read it there",
                                placeholder.name));
  }
  if (!shown()) return std::nullopt;
  if (placeholder.hole) {
    out_.holes.push_back({*placeholder.hole, out_.literal.size()});
  } else if (placeholder.trusted_markup) {
    out_.literal += placeholder.value;
  } else {
    append_html(placeholder.value, out_.literal);
  }
  return std::nullopt;
}

std::optional<base::Error> Compiler::close(const Tag& tag) {
  if (open_.empty()) return error_at(line_, fmt::format("{{{{/{}}}}} closes a section that is not open", tag.name));
  if (open_.back().name != tag.name) {
    return error_at(line_, fmt::format("{{{{/{}}}}} where {{{{/{}}}}} of line {} is expected", tag.name,
                                       open_.back().name, open_.back().line));
  }
  open_.pop_back();
  return std::nullopt;
}

std::optional<base::Error> Compiler::take(const Tag& tag) {
  if (tag.kind == '!') return std::nullopt;
  if (tag.kind == '/') return close(tag);
  const Placeholder* const placeholder = find(tag.name);
  if (placeholder == nullptr) return unknown(tag.name);
  if (tag.kind == 0) return put_value(*placeholder);
  if (open_.size() == section_depth_max) return error_at(line_, "sections nested too deeply");
  const bool given = placeholder->hole || !placeholder->value.empty();
  open_.push_back({tag.name, given == (tag.kind == '#'), line_});
  return std::nullopt;
}

// One character of text; keeps count of lines and of <script>.
void Compiler::take_text() {
  const std::string_view rest = page_.substr(at_);
  if (rest.front() == '<') {
    if (starts_with_tag(rest, "<script")) in_script_ = true;
    if (starts_with_tag(rest, "</script")) in_script_ = false;
  }
  if (shown()) out_.literal += rest.front();
  if (rest.front() == '\n') ++line_;
  ++at_;
}

base::Expected<core::AnswerTemplate> Compiler::run() {
  while (at_ < page_.size()) {
    const std::string_view rest = page_.substr(at_);
    const auto tag = rest.starts_with("{{") ? read_tag(rest) : std::nullopt;
    if (!tag) {
      take_text();
      continue;
    }
    if (auto error = take(*tag)) return std::unexpected(std::move(*error));
    line_ += static_cast<std::size_t>(std::ranges::count(rest.substr(0, tag->bytes), '\n'));
    at_ += tag->bytes;
  }
  if (!open_.empty()) {
    return std::unexpected(
        error_at(open_.back().line, fmt::format("section {{{{#{}}}}} is never closed", open_.back().name)));
  }
  return std::move(out_);
}

}  // namespace

base::Expected<core::AnswerTemplate> compile_page(std::string_view page, std::string_view file,
                                                  std::span<const Placeholder> placeholders) {
  return Compiler{page, file, placeholders}.run();
}

}  // namespace drawbridge::pages
