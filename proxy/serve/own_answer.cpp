#include "proxy/serve/own_answer.h"

#include "pages/negotiate.h"
#include "pages/reply.h"
#include "proxy/base/ascii.h"
#include "proxy/http/rules.h"

#include <fmt/format.h>

namespace drawbridge::serve {
namespace {

pages::ConnectionField connection_field(const http::RequestHead& head, const AnswerTraits& traits) {
  if (traits.close) return pages::ConnectionField::close;
  return head.minor_version == 0 ? pages::ConnectionField::keep_alive : pages::ConnectionField::none;
}

// All lines of a field as one list (RFC 9110 section 5.3); `room` is used only if there are several.
std::string_view list_value(const http::HeaderList& fields, http::Field field, std::string& room) {
  std::size_t lines = 0;
  for (const auto& header : fields.all()) lines += header.field == field ? 1 : 0;
  if (lines < 2) return fields.value(field);
  for (const auto& header : fields.all()) {
    if (header.field != field) continue;
    if (!room.empty()) room += ", ";
    room += header.value;
  }
  return room;
}

pages::Reply describe(Worker& worker, const http::RequestHead& head, const AnswerTraits& traits) {
  const auto& fields = head.headers;
  const auto* dest = fields.find(std::string_view("Sec-Fetch-Dest"));
  const auto* script = fields.find(std::string_view("X-Requested-With"));
  std::string joined;
  const pages::ClientHints hints{.accept = list_value(fields, http::Field::accept, joined),
                                 .content_type = fields.value(http::Field::content_type),
                                 .fetch_dest = dest != nullptr ? dest->value : std::string_view{},
                                 .requested_with = script != nullptr ? script->value : std::string_view{},
                                 .path = head.path};
  const auto referer = fields.value(http::Field::referer);
  return {.form = pages::negotiate(hints),
          .write = traits.write,
          .head_only = head.method == http::Method::head,
          .connection = connection_field(head, traits),
          .date = worker.http_date(),
          .holes = {.retry_after_seconds = 0,
                    .request_id = traits.request_id,
                    .return_to = pages::return_address(traits.write, head.target, referer, head.authority)}};
}

void add_field(std::string& answer, std::string_view name, std::string_view value) {
  const auto at = answer.find("\r\n") + 2;
  answer.insert(at, fmt::format("{}: {}\r\n", name, value));
}

// Pages are rendered as HTTP/1.1 has them, once when a mode is published.
OwnAnswer take_apart(std::string_view text) {
  constexpr std::string_view line_end = "\r\n", head_end = "\r\n\r\n";
  constexpr std::size_t status_at = sizeof "HTTP/1.1";
  const auto status = base::parse_decimal(text.substr(status_at, 3));
  const auto fields_at = text.find(line_end) + line_end.size();
  const auto fields_end = text.find(head_end) + line_end.size();
  return {.http1 = text,
          .status = static_cast<std::uint16_t>(status.value_or(500)),
          .fields = text.substr(fields_at, fields_end - fields_at),
          .body = text.substr(fields_end + line_end.size())};
}

OwnAnswer finish(std::string& answer, const AnswerTraits& traits) {
  if (!traits.strict_transport.empty()) add_field(answer, "Strict-Transport-Security", traits.strict_transport);
  return take_apart(answer);
}

}  // namespace

OwnAnswer render_answer(Worker& worker, Workspace& space, const core::AnswerSet& answers,
                        const AnswerTraits& traits) {
  auto reply = describe(worker, space.request, traits);
  reply.holes.retry_after_seconds = pages::retry_after_seconds(answers, worker.wall_now());
  space.text.clear();
  pages::append_reply(answers, reply, space.text);
  if (!traits.allow.empty()) add_field(space.text, "Allow", traits.allow);
  return finish(space.text, traits);
}

OwnAnswer render_redirect(Worker& worker, Workspace& space, std::uint16_t port, const AnswerTraits& traits) {
  const auto& head = space.request;
  const bool looks = head.method == http::Method::get || head.method == http::Method::head;
  const auto at = port == 443 ? std::string() : fmt::format(":{}", port);
  const auto path = head.path == "*" ? std::string_view{} : std::string_view(head.path);  // OPTIONS of the server
  const auto where = fmt::format("https://{}{}{}{}{}", head.host, at, path, head.has_query ? "?" : "", head.query);
  space.text = looks ? "HTTP/1.1 301 Moved Permanently\r\n\r\n" : "HTTP/1.1 308 Permanent Redirect\r\n\r\n";
  const auto body = fmt::format("This site is at {}\n", where);
  add_field(space.text, "Content-Length", std::to_string(body.size()));
  add_field(space.text, "Content-Type", "text/plain; charset=utf-8");
  if (traits.close) add_field(space.text, "Connection", "close");
  add_field(space.text, "X-Request-Id", traits.request_id);
  add_field(space.text, "Date", worker.http_date());
  add_field(space.text, "Location", where);
  if (head.method != http::Method::head) space.text += body;
  return take_apart(space.text);
}

OwnAnswer render_options(Worker& worker, Workspace& space, const AnswerTraits& traits) {
  space.text = "HTTP/1.1 204 No Content\r\n\r\n";
  if (traits.close) add_field(space.text, "Connection", "close");
  add_field(space.text, "X-Request-Id", traits.request_id);
  add_field(space.text, "Date", worker.http_date());
  add_field(space.text, "Allow", http::allowed_methods);
  return finish(space.text, traits);
}

OwnAnswer render_reserved(Worker& worker, Workspace& space, const core::AnswerSet* shown, std::string_view asset,
                          const AnswerTraits& traits) {
  space.text.clear();
  pages::append_reserved_reply(shown, asset, describe(worker, space.request, traits), space.text);
  return finish(space.text, traits);
}

}  // namespace drawbridge::serve
