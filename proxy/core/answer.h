#pragma once

#include "proxy/base/time.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::core {

// The shapes one answer comes in; which of them a client gets is pages/negotiate's decision.
enum class AnswerForm : std::uint8_t { html, problem_json, text, grpc };
inline constexpr std::size_t answer_form_count = 4;

// What differs from request to request in an answer that is rendered once.
struct AnswerHole {
  enum class Kind : std::uint8_t { retry_after, request_id, return_to };
  Kind kind = Kind::retry_after;
  std::size_t at = 0;  // offset in the literal before which the value goes; ascending
};

// Text with holes. Filling it is a few copies (pages/reply).
struct AnswerTemplate {
  std::string literal;
  std::vector<AnswerHole> holes;
};

// Status line and fields as they go on the wire, each line with its CRLF, but without Date, Content-Length,
// Connection and the empty line, which are the reply's; and the body.
struct Answer {
  AnswerTemplate head;
  AnswerTemplate body;
};

// A file that belongs to the page and is served while the page is shown.
struct AnswerAsset {
  std::string name;  // "logo.svg", "img/night.webp": path below the page's folder
  std::string_view content_type;
  std::string body;
};
using AnswerAssets = std::vector<AnswerAsset>;  // sorted by name

// All that Drawbridge itself answers for one site in one mode, or for one kind of failure. Immutable once built;
// snapshots share it (it outlives a change of epoch that does not concern it), workers only read.
struct AnswerSet {
  unsigned status = 503;
  Answer html;        // to a client that only wanted to look
  Answer html_write;  // to one whose change was refused: says that nothing was saved, never repeats it
  Answer problem_json;
  Answer text;
  Answer grpc;
  base::Millis retry_after{0};          // what to say when `until` is not known or has passed
  std::optional<base::WallTime> until;  // known end: Retry-After counts down to it
  std::shared_ptr<const AnswerAssets>
      assets;  // of the page's folder, shared by all modes that show it; may be null
};

// Paths that belong to Drawbridge in every mode, so that no page's asset and no page's question ever reaches an
// upstream: "/.drawbridge/pages/SITE/ASSET". Looked at before routing; an unknown SITE is routed like any path.
inline constexpr std::string_view reserved_prefix = "/.drawbridge/pages/";
inline constexpr std::string_view reserved_state =
    "state";  // the asset by which a page asks whether it still holds

struct ReservedPath {
  std::string_view site;
  std::string_view asset;  // may be empty
};

// Of a path as received, without query; nullopt if it is not a reserved one.
constexpr std::optional<ReservedPath> parse_reserved_path(std::string_view path) {
  if (!path.starts_with(reserved_prefix)) return std::nullopt;
  path.remove_prefix(reserved_prefix.size());
  const auto slash = path.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  return ReservedPath{path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace drawbridge::core
