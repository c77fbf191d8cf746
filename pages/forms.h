#pragma once

#include "proxy/core/answer.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace drawbridge::pages {

// Builds a template piece by piece.
class TemplateWriter {
 public:
  TemplateWriter& text(std::string_view literal);
  TemplateWriter& hole(core::AnswerHole::Kind kind);
  core::AnswerTemplate take() { return std::move(out_); }

 private:
  core::AnswerTemplate out_;
};

// One JSON object, members in the order given; strings are written by Boost.JSON.
class JsonWriter {
 public:
  JsonWriter& string(std::string_view key, std::string_view value);
  JsonWriter& number(std::string_view key, unsigned value);
  JsonWriter& number_hole(std::string_view key, core::AnswerHole::Kind kind);
  JsonWriter& string_hole(std::string_view key, core::AnswerHole::Kind kind);
  core::AnswerTemplate take();

 private:
  void key(std::string_view key);
  TemplateWriter out_;
  bool first_ = true;
};

// What the head of an answer says besides its status and X-Request-Id, which it always has.
struct HeadFacts {
  std::uint16_t status = 503;
  std::string_view content_type;
  bool not_processed = false;    // adds Retry-After and Drawbridge-Not-Processed
  std::string_view more_fields;  // whole lines with CRLF
  bool grpc = false;             // Retry-After also in the form that clients of gRPC know
};

core::AnswerTemplate make_head(const HeadFacts& facts);

// gRPC as "trailers only": HTTP 200 with the status among the fields, no body. `message` is for people.
core::Answer make_grpc(int grpc_status, std::string_view message, bool not_processed);

// Content-Security-Policy of a built-in page: its own style and script, nothing from elsewhere.
std::string builtin_policy_field();

// Without control characters: for values inside plain text.
std::string one_line(std::string_view text);

}  // namespace drawbridge::pages
