#include "pages/forms.h"

#include "pages/builtin.h"
#include "pages/escape.h"
#include "proxy/http/writer.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::pages {
namespace {

using Hole = core::AnswerHole::Kind;

constexpr std::size_t grpc_message_bytes_max = 512;

// At most `bytes_max` bytes and no part of a UTF-8 sequence at the end.
std::string_view clip(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  auto end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

std::string quoted(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

}  // namespace

TemplateWriter& TemplateWriter::text(std::string_view literal) {
  out_.literal += literal;
  return *this;
}

TemplateWriter& TemplateWriter::hole(Hole kind) {
  out_.holes.push_back({kind, out_.literal.size()});
  return *this;
}

void JsonWriter::key(std::string_view key) {
  out_.text(first_ ? "{" : ",").text(quoted(key)).text(":");
  first_ = false;
}

JsonWriter& JsonWriter::string(std::string_view name, std::string_view value) {
  key(name);
  out_.text(quoted(value));
  return *this;
}

JsonWriter& JsonWriter::number(std::string_view name, unsigned value) {
  key(name);
  out_.text(fmt::format("{}", value));
  return *this;
}

JsonWriter& JsonWriter::number_hole(std::string_view name, Hole kind) {
  key(name);
  out_.hole(kind);
  return *this;
}

// Values of string holes are plain ids (pages/escape), which JSON needs no escape for.
JsonWriter& JsonWriter::string_hole(std::string_view name, Hole kind) {
  key(name);
  out_.text("\"").hole(kind).text("\"");
  return *this;
}

core::AnswerTemplate JsonWriter::take() {
  out_.text(first_ ? "{}\n" : "}\n");
  return out_.take();
}

core::AnswerTemplate make_head(const HeadFacts& facts) {
  TemplateWriter head;
  head.text(fmt::format("HTTP/1.1 {} {}\r\n", facts.status, http::reason_phrase(facts.status)));
  head.text(fmt::format("Content-Type: {}\r\n", facts.content_type));
  head.text("Cache-Control: no-store\r\nVary: Accept\r\nX-Content-Type-Options: nosniff\r\n");
  if (facts.not_processed) {
    head.text("Retry-After: ").hole(Hole::retry_after).text("\r\nDrawbridge-Not-Processed: 1\r\n");
  }
  // gRFC A6: in milliseconds, before which a client does not try again.
  if (facts.not_processed && facts.grpc) {
    head.text("grpc-retry-pushback-ms: ").hole(Hole::retry_after).text("000\r\n");
  }
  head.text(facts.more_fields);
  head.text("X-Request-Id: ").hole(Hole::request_id).text("\r\n");
  return head.take();
}

core::Answer make_grpc(int grpc_status, std::string_view message, bool not_processed) {
  const std::string text = percent_encode(clip(message, grpc_message_bytes_max));
  const std::string fields = fmt::format("grpc-status: {}\r\ngrpc-message: {}\r\n", grpc_status, text);
  return {make_head({200, "application/grpc", not_processed, fields, true}), {}};
}

std::string builtin_policy_field() {
  return fmt::format(
      "Content-Security-Policy: default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src "
      "'self'; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n",
      builtin::style_sha256, builtin::script_sha256);
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return line;
}

}  // namespace drawbridge::pages
