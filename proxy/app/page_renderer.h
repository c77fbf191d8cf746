#pragma once

#include "config/config.h"
#include "pages/answers.h"
#include "pages/shelf.h"
#include "proxy/base/event_log.h"
#include "proxy/core/answer.h"
#include "proxy/core/mode.h"

#include <memory>
#include <string>
#include <utility>

namespace drawbridge::app {

// Renders what visitors of a site get in a mode, with the site's own page if it has one, out of memory: a switch at
// night must not fail for a picture. Should a page be missing all the same, that is an event and the built-in page
// is shown. Control thread only.
class PageRenderer {
 public:
  PageRenderer(pages::PageShelf shelf, base::EventLog& events) : shelf_(std::move(shelf)), events_(events) {}

  // The pages of a configuration that is about to be put in force. Until the next one comes, those before it stay
  // within reach: it may be refused.
  void use(pages::PageShelf shelf);

  std::shared_ptr<const core::AnswerSet> render(const config::Site& site, const core::ModeState& mode) const;

 private:
  const pages::PageFolder* folder(const std::string& site, const std::string& page) const;

  pages::PageShelf shelf_, before_;
  base::EventLog& events_;
};

}  // namespace drawbridge::app
