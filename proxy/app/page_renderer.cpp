#include "proxy/app/page_renderer.h"

namespace drawbridge::app {

std::shared_ptr<const pages::PageFolder> PageRenderer::folder(const std::string& site,
                                                              const std::string& page) const {
  if (page.empty() || pages_dir_.empty()) return nullptr;
  auto loaded = pages::load_page_folder(pages_dir_, page);
  if (loaded) return std::move(*loaded);
  events_.error(
      "page_not_loaded",
      {{"site", site}, {"page", page}, {"problem", loaded.error().message}, {"shown", "the built-in page"}});
  return nullptr;
}

std::shared_ptr<const core::AnswerSet> PageRenderer::render(const config::Site& site,
                                                            const core::ModeState& mode) const {
  const bool readonly = mode.mode == core::Mode::readonly;
  const auto page = folder(site.name, readonly ? site.readonly.page : site.maintenance.page);
  return pages::make_mode_answers(
      {.site = site.name,
       .mode = mode,
       .retry_after = readonly ? site.readonly.retry_after : site.maintenance.retry_after},
      page.get());
}

}  // namespace drawbridge::app
