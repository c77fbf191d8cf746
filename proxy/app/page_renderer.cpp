#include "proxy/app/page_renderer.h"

namespace drawbridge::app {

void PageRenderer::use(pages::PageShelf shelf) {
  before_ = std::exchange(shelf_, std::move(shelf));
}

const pages::PageFolder* PageRenderer::folder(const std::string& site, const std::string& page) const {
  if (page.empty()) return nullptr;
  for (const auto* shelf : {&shelf_, &before_}) {
    if (const auto* found = shelf->find(page)) return found;
  }
  events_.error("page_not_loaded", {{"site", site}, {"page", page}, {"shown", "the built-in page"}});
  return nullptr;
}

std::shared_ptr<const core::AnswerSet> PageRenderer::render(const config::Site& site,
                                                            const core::ModeState& mode) const {
  const bool readonly = mode.mode == core::Mode::readonly;
  return pages::make_mode_answers(
      {.site = site.name,
       .mode = mode,
       .retry_after = readonly ? site.readonly.retry_after : site.maintenance.retry_after},
      folder(site.name, readonly ? site.readonly.page : site.maintenance.page));
}

}  // namespace drawbridge::app
