#pragma once

#include "proxy/core/answer.h"

#include <string_view>

namespace drawbridge::pages {

// What a request says about the client's taste. Fields as received; empty if absent; a repeated Accept is joined
// with commas by the caller.
struct ClientHints {
  std::string_view accept = {};
  std::string_view content_type = {};
  std::string_view fetch_dest = {};      // Sec-Fetch-Dest
  std::string_view requested_with = {};  // X-Requested-With
  std::string_view path = {};            // as received, without query
};

// The form of an answer for this client: gRPC by its content type; else what Accept prefers among HTML, JSON and
// plain text, by weight, HTML before JSON when a page load rates them equal. Where Accept leaves it open ("*/*" or
// nothing), a page load gets HTML; a script, a JSON body or an "api" path gets JSON; anything else plain text.
core::AnswerForm negotiate(const ClientHints& client);

}  // namespace drawbridge::pages
