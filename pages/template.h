#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/answer.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace drawbridge::pages {

// What a name in a page stands for.
struct Placeholder {
  std::string_view name;
  std::string value;                                // put in HTML-escaped
  std::optional<core::AnswerHole::Kind> hole = {};  // filled per request instead
  bool trusted_markup = false;                      // built-in script and style: put in as it is
};

// Turns a page into a template. The language is a small part of mustache:
//   {{name}}                    the value
//   {{#name}} … {{/name}}       only if the value is not empty (a hole never is)
//   {{^name}} … {{/name}}       only if it is empty
//   {{!words}}                  nothing
// "{{" before anything else is text. An unknown name, a section left open or closed by another name, and a value
// inside <script> (where no HTML escape protects) are errors: "FILE:LINE: what is wrong".
base::Expected<core::AnswerTemplate> compile_page(std::string_view page, std::string_view file,
                                                  std::span<const Placeholder> placeholders);

}  // namespace drawbridge::pages
