#include "proxy/control/change_log.h"

#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace drawbridge::control {
namespace {

constexpr std::size_t logged_requests_max = 20;

std::string counts_text(const core::ClassCounts& counts) {
  return fmt::format("{}r+{}w+{}t", counts[core::RequestClass::read], counts[core::RequestClass::write],
                     counts[core::RequestClass::tunnel]);
}

void log_requests(base::EventLog& events, const char* event, const std::vector<core::OpenRequest>& requests) {
  for (std::size_t i = 0; i < std::min(requests.size(), logged_requests_max); ++i) {
    const auto& request = requests[i];
    events.warning(event, {{"request_id", request.request_id},
                           {"site", request.site},
                           {"class", std::string(core::name(request.request_class))},
                           {"method", request.method},
                           {"path", request.path},
                           {"age_ms", fmt::to_string(request.age.count())}});
  }
}

}  // namespace

void log_end(base::EventLog& events, const core::Receipt& receipt) {
  base::EventLog::Fields fields{{"epoch", fmt::to_string(receipt.epoch)},
                                {"change", receipt.what},
                                {"sites", join_names(receipt.sites)},
                                {"result", std::string(core::name(receipt.outcome))},
                                {"fenced_ms", fmt::to_string(receipt.fenced.count())},
                                {"drained_ms", fmt::to_string(receipt.drained.count())},
                                {"drained", counts_text(receipt.ended)}};
  if (receipt.cut_counts.total() > 0) fields.emplace_back("cut", counts_text(receipt.cut_counts));
  if (receipt.unknown_counts.total() > 0) fields.emplace_back("unknown", counts_text(receipt.unknown_counts));
  if (receipt.outstanding_counts.total() > 0) {
    fields.emplace_back("outstanding", counts_text(receipt.outstanding_counts));
  }
  if (!receipt.note.empty()) fields.emplace_back("note", receipt.note);
  const auto severity = receipt.outcome == core::Outcome::done ? base::Severity::info : base::Severity::warning;
  events.write(severity, "change_ended", std::move(fields));

  log_requests(events, "request_cut", receipt.cut);
  log_requests(events, "request_unknown", receipt.unknown);
  log_requests(events, "request_outstanding", receipt.outstanding);
}

}  // namespace drawbridge::control
