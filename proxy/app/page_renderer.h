#pragma once

#include "config/config.h"
#include "pages/answers.h"
#include "pages/folder.h"
#include "proxy/base/event_log.h"
#include "proxy/core/answer.h"
#include "proxy/core/mode.h"

#include <memory>
#include <string>

namespace drawbridge::app {

// Renders what visitors of a site get in a mode, with the site's own page if it has one. A folder that cannot be
// read is an event and the built-in page is shown instead: a switch at night must not fail for a picture. Control
// thread only.
class PageRenderer {
 public:
  PageRenderer(std::string pages_dir, base::EventLog& events) : pages_dir_(std::move(pages_dir)), events_(events) {}

  std::shared_ptr<const core::AnswerSet> render(const config::Site& site, const core::ModeState& mode) const;

 private:
  std::shared_ptr<const pages::PageFolder> folder(const std::string& site, const std::string& page) const;

  std::string pages_dir_;
  base::EventLog& events_;
};

}  // namespace drawbridge::app
