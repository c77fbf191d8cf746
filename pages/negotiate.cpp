#include "pages/negotiate.h"

#include "proxy/base/ascii.h"
#include "proxy/http/grpc.h"

#include <algorithm>
#include <optional>

namespace drawbridge::pages {
namespace {

using core::AnswerForm;

constexpr int ranges_max = 64;

// How much a client wants a form, in thousandths, and how exactly it said so.
struct Taste {
  int weight = 0;
  int precision = -1;  // 0 by "*/*", 1 by "text/*", 2 by name; -1 not at all
  bool named() const { return precision == 2 && weight > 0; }

  // Of two ranges that match, the more precise counts; of equally precise ones the heavier.
  void hear(int new_precision, int new_weight) {
    if (new_precision < precision) return;
    weight = new_precision == precision ? std::max(weight, new_weight) : new_weight;
    precision = new_precision;
  }
};

struct Tastes {
  Taste html, json, text;
};

// The next piece of `rest` up to `separator`, which is dropped; quoted strings are not looked into, as no range
// that matters here has one.
std::string_view next_piece(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto piece = base::trim(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return piece;
}

// "0.85" in thousandths (RFC 9110 section 12.4.2); nullopt if it is no weight.
std::optional<int> parse_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = (text[0] - '0') * 1'000;
  int unit = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (!base::is_digit(c)) return std::nullopt;
    weight += (c - '0') * unit;
    unit /= 10;
  }
  return weight <= 1'000 ? std::optional{weight} : std::nullopt;
}

// The weight among a range's parameters: 1 if none is given, nullopt if it is malformed.
std::optional<int> weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto parameter = next_piece(parameters, ';');
    if (parameter.size() >= 2 && base::to_lower(parameter[0]) == 'q' && parameter[1] == '=') {
      return parse_weight(parameter.substr(2));
    }
  }
  return 1'000;
}

bool is_json(std::string_view subtype) {
  return base::iequals(subtype, "json") ||
         (subtype.size() > 5 && base::iequals(subtype.substr(subtype.size() - 5), "+json"));
}

void hear_range(std::string_view range, int weight, Tastes& tastes) {
  const auto slash = range.find('/');
  if (slash == std::string_view::npos) return;
  const auto type = range.substr(0, slash);
  const auto subtype = range.substr(slash + 1);
  if (type == "*" && subtype == "*") {
    tastes.html.hear(0, weight);
    tastes.json.hear(0, weight);
    tastes.text.hear(0, weight);
  } else if (base::iequals(type, "text")) {
    if (subtype == "*") tastes.html.hear(1, weight);
    if (subtype == "*") tastes.text.hear(1, weight);
    if (base::iequals(subtype, "html")) tastes.html.hear(2, weight);
    if (base::iequals(subtype, "plain")) tastes.text.hear(2, weight);
    if (is_json(subtype)) tastes.json.hear(2, weight);
  } else if (base::iequals(type, "application")) {
    if (subtype == "*") tastes.json.hear(1, weight);
    if (base::iequals(subtype, "xhtml+xml")) tastes.html.hear(2, weight);
    if (is_json(subtype)) tastes.json.hear(2, weight);
  }
}

Tastes parse_accept(std::string_view accept) {
  Tastes tastes;
  if (base::trim(accept).empty()) accept = "*/*";
  for (int i = 0; i < ranges_max && !accept.empty(); ++i) {
    auto range = next_piece(accept, ',');
    const auto media = next_piece(range, ';');
    if (const auto weight = weight_of(range)) hear_range(media, *weight, tastes);
  }
  return tastes;
}

bool has_prefix(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && base::iequals(text.substr(0, prefix.size()), prefix);
}

// A whole segment "api" anywhere: /api/orders, /v2/api, /shop/api/cart.
bool is_api_path(std::string_view path) {
  while (!path.empty()) {
    if (base::iequals(next_piece(path, '/'), "api")) return true;
  }
  return false;
}

bool is_page_load(const ClientHints& client) {
  return base::iequals(client.fetch_dest, "document") || base::iequals(client.fetch_dest, "iframe") ||
         base::iequals(client.fetch_dest, "frame");
}

bool is_script(const ClientHints& client) {
  return base::iequals(client.fetch_dest, "empty") || base::iequals(client.requested_with, "XMLHttpRequest");
}

bool sends_json(const ClientHints& client) {
  auto rest = client.content_type;
  const auto media = next_piece(rest, ';');
  return has_prefix(media, "application/") && is_json(media.substr(sizeof "application/" - 1));
}

// Between forms the client rates equally high.
AnswerForm break_tie(const ClientHints& client, const Tastes& tastes, bool html, bool json) {
  if (html && is_page_load(client)) return AnswerForm::html;
  if (json && is_script(client)) return AnswerForm::problem_json;
  if (html && tastes.html.named()) return AnswerForm::html;
  if (json && tastes.json.named()) return AnswerForm::problem_json;
  if (tastes.text.named()) return AnswerForm::text;
  if (json && (sends_json(client) || is_api_path(client.path))) return AnswerForm::problem_json;
  return AnswerForm::text;
}

}  // namespace

AnswerForm negotiate(const ClientHints& client) {
  if (http::is_grpc(client.content_type)) return AnswerForm::grpc;
  const Tastes tastes = parse_accept(client.accept);
  const int best = std::max({tastes.html.weight, tastes.json.weight, tastes.text.weight});
  if (best == 0) return AnswerForm::text;
  const bool html = tastes.html.weight == best;
  const bool json = tastes.json.weight == best;
  const bool text = tastes.text.weight == best;
  if (html && !json && !text) return AnswerForm::html;
  if (json && !html && !text) return AnswerForm::problem_json;
  if (text && !html && !json) return AnswerForm::text;
  return break_tie(client, tastes, html, json);
}

}  // namespace drawbridge::pages
