#pragma once

#include "proxy/core/mode.h"
#include "proxy/core/plan.h"

#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::core {

// A decision as a person reads it: what `proxyctl explain` prints. Owns its texts.
struct Explanation {
  Verdict verdict = Verdict::no_site;
  Why why = Why::no_site;  // as in Plan
  std::string site;        // empty: none claims the request, or several do
  Mode mode = Mode::live;  // the rest says something only if there is a site
  RequestClass request_class = RequestClass::read;
  Why class_why = Why::method;        // why it has its class; differs from `why` for what is exempt
  std::string rule;                   // the rule that decided on the class, or the exempt rule; empty if none did
  std::string pool;                   // of Verdict::forward
  std::string speaks;                 // likewise: how its servers are spoken to, as in core/speech.h
  std::string slice;                  // of a site that is split: the slice that decided, or that nobody can tell
  bool notice = false;                // `pool` is the site's notice pool
  unsigned status = 0;                // of an answer of our own, if it is known; 0: a server answers
  std::string location;               // of Verdict::redirect
  std::string strict_transport;       // Strict-Transport-Security that the answer will carry; empty: none of ours
  std::string normal_form;            // of the path
  std::vector<std::string> readings;  // all ways a server may read the path, the normal form first
  std::string doubt;                  // why read and exempt rules cannot speak of this path; empty if they can
  std::string sentence;               // the above in a few sentences
};

// Pure; decides as decide() does, by the same code.
Explanation explain(const Snapshot& snapshot, const RequestFacts& facts);

}  // namespace drawbridge::core
