#pragma once

#include "pages/folder.h"
#include "proxy/base/time.h"
#include "proxy/core/answer.h"
#include "proxy/core/mode.h"

#include <map>
#include <memory>
#include <string>

namespace drawbridge::pages {

struct PageFacts {
  std::string site;
  core::ModeState mode;         // anything but live
  base::Millis retry_after{0};  // said when mode.until is not known
};

// Renders the answers of a site in a mode, once, when the mode is published. `folder` is the operator's own page or
// null for the built-in one; JSON, text and gRPC are the same with both.
std::shared_ptr<const core::AnswerSet> make_mode_answers(const PageFacts& facts, const PageFolder* folder);

// 503 for a site none of whose servers can answer: not maintenance, and it does not look like it.
std::shared_ptr<const core::AnswerSet> make_no_server_answers(const std::string& site, base::Millis retry_after);

// The short answers to what fails without a mode's doing: 400 403 404 405 408 413 414 417 421 431 500 501 502 503
// 504. Built once at start, then read by all workers.
class ErrorAnswers {
 public:
  ErrorAnswers();
  const core::AnswerSet& of(unsigned status) const;  // of another status: those of 500
  // To a request of which no server has seen a byte: 502, 503 and 504 then say so, and that it may be sent again.
  const core::AnswerSet& untouched(unsigned status) const;
  // That of 504 to a client of gRPC whose own deadline has passed: DEADLINE_EXCEEDED.
  const core::AnswerSet& grpc_late() const { return grpc_late_; }

 private:
  std::map<unsigned, core::AnswerSet> by_status_, untouched_;
  core::AnswerSet grpc_late_;
};

}  // namespace drawbridge::pages
