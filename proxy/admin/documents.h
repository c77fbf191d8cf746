#pragma once

#include "proxy/admin/api.h"
#include "proxy/admin/problem.h"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <vector>

// The JSON that the admin socket answers with, made from values (docs/ADMIN.md). Pure.
namespace drawbridge::admin {

// Everything that `GET /v1/status` tells.
struct StatusParts {
  control::Status status;
  std::vector<control::Workers::SiteLoad> loads;
  std::vector<std::string> only;  // sites asked for; empty: all
};
// Names the first site of `only` that is not configured.
std::optional<Problem> find_unknown_site(const StatusParts& parts);
boost::json::object status_document(const StatusParts& parts, const Api& api);
boost::json::object pool_document(const control::PoolStatus& pool, const Api& api, const ServerLoad& load);
boost::json::object pools_document(const control::Status& status, const Api& api);

boost::json::object receipt_document(const core::Receipt& receipt);
boost::json::object progress_document(const control::Progress& progress);
boost::json::object waited_document(const control::Waited& waited);
boost::json::object history_document(const std::vector<control::HistoryEntry>& entries);
boost::json::object explain_document(const Explained& explained);
boost::json::object doctor_document(const std::vector<Check>& checks);
boost::json::object event_document(const base::Event& event);

}  // namespace drawbridge::admin
