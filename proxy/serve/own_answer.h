#pragma once

#include "proxy/core/answer.h"
#include "proxy/serve/client_channel.h"
#include "proxy/serve/worker.h"
#include "proxy/serve/workspace.h"

#include <string_view>

namespace drawbridge::serve {

struct AnswerTraits {
  std::string_view request_id = {};
  bool close = false;                      // says Connection: close
  bool write = false;                      // the request would have changed something
  std::string_view allow = {};             // value of Allow; empty: none
  std::string_view strict_transport = {};  // value of Strict-Transport-Security; empty: none
};

// Each renders a whole answer of our own; what it returns points into space.text. This one in the form that suits
// the client whose head is space.request.
OwnAnswer render_answer(Worker& worker, Workspace& space, const core::AnswerSet& answers,
                        const AnswerTraits& traits);

// The answer to a path under core::reserved_prefix; `shown` is null while the site shows no page.
OwnAnswer render_reserved(Worker& worker, Workspace& space, const core::AnswerSet* shown, std::string_view asset,
                          const AnswerTraits& traits);

// To the same address under https at this port: 301, or 308 where a client must not make a GET of it.
OwnAnswer render_redirect(Worker& worker, Workspace& space, std::uint16_t port, const AnswerTraits& traits);

// 204 to an OPTIONS that must not travel on (RFC 9110 section 7.6.2: Max-Forwards 0).
OwnAnswer render_options(Worker& worker, Workspace& space, const AnswerTraits& traits);
}  // namespace drawbridge::serve
