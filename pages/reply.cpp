#include "pages/reply.h"

#include "pages/escape.h"
#include "proxy/base/ascii.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace drawbridge::pages {
namespace {

using core::Answer;
using core::AnswerHole;
using core::AnswerSet;
using core::AnswerTemplate;

// The holes' values as they stand in a response, made once for its head and body.
struct Filling {
  std::array<char, 20> digits{};
  std::size_t digit_count = 0;
  std::string_view request_id;
  std::string_view return_to;
  std::size_t return_to_bytes = 0;  // once escaped

  std::string_view retry_after() const { return {digits.data(), digit_count}; }
};

Filling make_filling(const Holes& holes) {
  Filling filling;
  const auto end = std::to_chars(filling.digits.data(), filling.digits.data() + filling.digits.size(),
                                 holes.retry_after_seconds);
  filling.digit_count = static_cast<std::size_t>(end.ptr - filling.digits.data());
  if (is_plain_id(holes.request_id)) filling.request_id = holes.request_id;
  filling.return_to = local_address(holes.return_to);
  filling.return_to_bytes = html_bytes(filling.return_to);
  return filling;
}

std::size_t bytes_of(AnswerHole::Kind kind, const Filling& filling) {
  switch (kind) {
    case AnswerHole::Kind::retry_after:
      return filling.digit_count;
    case AnswerHole::Kind::request_id:
      return filling.request_id.size();
    case AnswerHole::Kind::return_to:
      return filling.return_to_bytes;
  }
  return 0;
}

std::size_t bytes_of(const AnswerTemplate& text, const Filling& filling) {
  std::size_t bytes = text.literal.size();
  for (const auto& hole : text.holes) bytes += bytes_of(hole.kind, filling);
  return bytes;
}

void append_value(AnswerHole::Kind kind, const Filling& filling, std::string& out) {
  switch (kind) {
    case AnswerHole::Kind::retry_after:
      out += filling.retry_after();
      break;
    case AnswerHole::Kind::request_id:
      out += filling.request_id;
      break;
    case AnswerHole::Kind::return_to:
      append_html(filling.return_to, out);
      break;
  }
}

void append_filled(const AnswerTemplate& text, const Filling& filling, std::string& out) {
  std::size_t from = 0;
  for (const auto& hole : text.holes) {
    out.append(text.literal, from, hole.at - from);
    append_value(hole.kind, filling, out);
    from = hole.at;
  }
  out.append(text.literal, from);
}

const Answer& choose(const AnswerSet& answers, core::AnswerForm form, bool write) {
  switch (form) {
    case core::AnswerForm::html:
      return write ? answers.html_write : answers.html;
    case core::AnswerForm::problem_json:
      return answers.problem_json;
    case core::AnswerForm::text:
      return answers.text;
    case core::AnswerForm::grpc:
      return answers.grpc;
  }
  return answers.text;
}

void append_number(std::size_t number, std::string& out) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

// Date and Connection, which every response of ours may have.
void append_common(const Reply& reply, std::string& out) {
  if (!reply.date.empty()) out.append("Date: ").append(reply.date).append("\r\n");
  switch (reply.connection) {
    case ConnectionField::none:
      break;
    case ConnectionField::close:
      out += "Connection: close\r\n";
      break;
    case ConnectionField::keep_alive:
      out += "Connection: keep-alive\r\n";
      break;
  }
}

// The authority and path of an http or https URL; empty if it is none.
struct Referer {
  std::string_view host;
  std::string_view path;
};

Referer split_referer(std::string_view referer) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!referer.starts_with(scheme)) continue;
    referer.remove_prefix(scheme.size());
    const auto slash = referer.find('/');
    if (slash == std::string_view::npos) return {};
    return {referer.substr(0, slash), referer.substr(slash)};
  }
  return {};
}

}  // namespace

void append_reply(const AnswerSet& answers, const Reply& reply, std::string& out) {
  const Answer& answer = choose(answers, reply.form, reply.write);
  const Filling filling = make_filling(reply.holes);
  append_filled(answer.head, filling, out);
  append_common(reply, out);
  out += "Content-Length: ";
  append_number(bytes_of(answer.body, filling), out);
  out += "\r\n\r\n";
  if (!reply.head_only) append_filled(answer.body, filling, out);
}

void append_reserved_reply(const AnswerSet* shown, std::string_view asset, const Reply& reply, std::string& out) {
  const core::AnswerAsset* found = nullptr;
  if (shown != nullptr && shown->assets != nullptr) {
    const auto at = std::ranges::lower_bound(*shown->assets, asset, {}, &core::AnswerAsset::name);
    if (at != shown->assets->end() && at->name == asset) found = &*at;
  }
  const bool state = asset == core::reserved_state;
  out += found != nullptr ? "HTTP/1.1 200 OK\r\n"
         : state          ? "HTTP/1.1 204 No Content\r\n"
                          : "HTTP/1.1 404 Not Found\r\n";
  // An asset changes only by a reload of the configuration; a minute spares a visitor who reloads the page by hand.
  out += found != nullptr ? "Cache-Control: max-age=60\r\n" : "Cache-Control: no-store\r\n";
  if (state && shown != nullptr) out += "Drawbridge-Not-Processed: 1\r\n";
  if (found != nullptr) out.append("Content-Type: ").append(found->content_type).append("\r\n");
  out += "X-Content-Type-Options: nosniff\r\n";
  append_common(reply, out);
  if (!state) {
    out += "Content-Length: ";
    append_number(found != nullptr ? found->body.size() : 0, out);
    out += "\r\n";
  }
  out += "\r\n";
  if (found != nullptr && !reply.head_only) out += found->body;
}

std::uint64_t retry_after_seconds(const AnswerSet& answers, base::WallTime now) {
  // The change that ends a mode comes a moment after its time: whoever asks in between is not sent away for long.
  const bool known = answers.until && *answers.until + answers.retry_after > now;
  const base::Millis left = known ? *answers.until - now : answers.retry_after;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
  return seconds > 1 ? static_cast<std::uint64_t>(seconds) : 1;
}

std::string_view return_address(bool write, std::string_view target, std::string_view referer,
                                std::string_view host) {
  if (!write) return local_address(target);
  const Referer from = split_referer(referer);
  return !host.empty() && base::iequals(from.host, host) ? local_address(from.path) : "/";
}

std::string render_body(const AnswerSet& answers, core::AnswerForm form, bool write, const Holes& holes) {
  std::string out;
  append_filled(choose(answers, form, write).body, make_filling(holes), out);
  return out;
}

}  // namespace drawbridge::pages
