#pragma once

#include "pages/answers.h"
#include "pages/template.h"

#include <string>
#include <vector>

namespace drawbridge::pages {

// Why a page is shown. The mode's pages and that of a site without servers share one skeleton.
enum class PageKind : std::uint8_t { readonly, hold, maintenance, no_server };

std::string_view name(PageKind kind);

// The values of every placeholder a page may use:
//   site mode reason since since_iso until until_iso pause   of the state (pause: seconds between two attempts)
//   retry_after request_id return_to                         of the request
//   assets                                                   address of the page's own files, without a slash at
//   the end state                                                    address that tells whether the page still
//   holds read write                                               "yes" for what the request was, else empty
//   readonly hold maintenance no_server                      "yes" for why the page is shown, else empty
std::vector<Placeholder> page_values(const PageFacts& facts, PageKind kind, bool write);

// Some value for each name an operator's page may use (which is never that of no_server): to check it beforehand.
std::vector<Placeholder> sample_values();

// "21 November 2026, 14:30 UTC".
std::string describe_time(base::WallTime time);

}  // namespace drawbridge::pages
