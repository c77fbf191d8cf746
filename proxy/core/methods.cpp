#include "proxy/core/methods.h"

#include "proxy/base/ascii.h"
#include "proxy/core/plan.h"

#include <algorithm>
#include <utility>

namespace drawbridge::core {
namespace {

// No rule but `*` names it: what stands for methods that are too many or too unclear to list.
constexpr std::string_view unknown_method = "?";

// The next byte of a form-encoded text, which is taken off it.
char take_decoded(std::string_view& text) {
  char c = text.front();
  if (c == '%' && text.size() >= 3 && base::hex_value(text[1]) >= 0 && base::hex_value(text[2]) >= 0) {
    c = static_cast<char>(base::hex_value(text[1]) * 16 + base::hex_value(text[2]));
    text.remove_prefix(2);
  }
  text.remove_prefix(1);
  return c == '+' ? ' ' : c;
}

// Whether a form-encoded text is `word` for somebody, without regard to case. `word` is in lower case.
bool decodes_to(std::string_view text, std::string_view word) {
  for (const char wanted : word) {
    if (text.empty() || base::to_lower(take_decoded(text)) != wanted) return false;
  }
  return text.empty();
}

// "_method", also as PHP reads it: blanks before it dropped, '.', '[' and ' ' as '_', "[…]" behind it as an index.
bool names_method(std::string_view name) {
  char first = ' ';
  while (first == ' ' && !name.empty()) first = take_decoded(name);
  if (first != '_' && first != '.' && first != '[') return false;
  for (const char wanted : std::string_view("method")) {
    if (name.empty() || base::to_lower(take_decoded(name)) != wanted) return false;
  }
  return name.empty() || take_decoded(name) == '[';
}

bool asks_for_safe(std::string_view value) {
  return decodes_to(value, "get") || decodes_to(value, "head") || decodes_to(value, "options");
}

}  // namespace

bool EffectiveMethods::is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

EffectiveMethods::EffectiveMethods(const RequestFacts& facts) : safe_(is_safe(facts.method)) {
  list_[0] = facts.method;
  count_ = unsafe_end_ = 1;
  if (facts.override_repeated) add(unknown_method);
  for (const auto field : facts.overrides) {
    const auto value = base::trim(field);
    if (!value.empty()) add(value);
  }
  if (!facts.query.empty()) add_query(facts.query);
}

// The last place is kept for "and others".
void EffectiveMethods::add(std::string_view method) {
  if (count_ == list_.size()) return;
  const bool full = count_ + 1 == list_.size();
  list_[count_++] = full ? unknown_method : method;
  if (!full && asks_for_safe(method)) return;
  std::swap(list_[unsafe_end_++], list_[count_ - 1]);
}

void EffectiveMethods::add_query(std::string_view query) {
  while (!query.empty()) {
    const auto end = std::min(query.find_first_of("&;"), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    if (!names_method(pair.substr(0, equals))) continue;
    const auto value = pair.substr(std::min(equals + 1, pair.size()));
    if (!value.empty()) add(value);
  }
}

}  // namespace drawbridge::core
