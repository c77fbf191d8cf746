#pragma once

#include "proxy/base/time.h"
#include "proxy/core/answer.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace drawbridge::pages {

// What goes into the holes of an answer.
struct Holes {
  std::uint64_t retry_after_seconds = 0;
  std::string_view request_id = {};  // left out if it holds anything but the visible characters of an id
  std::string_view return_to = {};   // see return_address(); anything that is not a path of this host becomes "/"
};

enum class ConnectionField : std::uint8_t { none, close, keep_alive };

struct Reply {
  core::AnswerForm form = core::AnswerForm::text;
  bool write = false;      // the request was a change: the page says that nothing was saved
  bool head_only = false;  // to a HEAD request
  ConnectionField connection = ConnectionField::none;
  std::string_view date = {};  // IMF-fixdate; no Date field if empty
  Holes holes = {};
};

// Appends the whole HTTP/1.1 response to `out`: a few copies, no allocation once `out` has grown.
void append_reply(const core::AnswerSet& answers, const Reply& reply, std::string& out);

// Appends the answer to a reserved path (core::parse_reserved_path): an asset of the page `shown`, or for "state"
// 204 with Drawbridge-Not-Processed while a page is shown and without it when none is (shown == nullptr), which is
// how a page learns that changes are possible again. Anything else is 404. Uses of `reply`: head_only, connection,
// date.
void append_reserved_reply(const core::AnswerSet* shown, std::string_view asset, const Reply& reply,
                           std::string& out);

// Seconds until the known end, rounded up; the configured value when it is not known, or passed that long ago. At
// least 1.
std::uint64_t retry_after_seconds(const core::AnswerSet& answers, base::WallTime now);

// Where "try again" leads: the address asked for; after a refused change the page of this host that sent it
// (Referer), never the address of the change itself. "/" where that is unknown.
std::string_view return_address(bool write, std::string_view target, std::string_view referer,
                                std::string_view host);

// The body alone: what `page preview` prints.
std::string render_body(const core::AnswerSet& answers, core::AnswerForm form, bool write, const Holes& holes);

}  // namespace drawbridge::pages
