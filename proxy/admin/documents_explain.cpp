#include "proxy/admin/documents.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

namespace drawbridge::admin {

namespace json = boost::json;

json::object explain_document(const Explained& explained) {
  if (!explained) {
    const auto& refusal = explained.error();
    return {{"verdict", "bad_request"},
            {"why", refusal.rule},
            {"status", refusal.status},
            {"sentence", fmt::format("Answered {} before any rule of the site is asked, by the HTTP rule {}.",
                                     refusal.status, refusal.rule)}};
  }
  json::object object{{"verdict", core::name(explained->verdict)}, {"why", core::name(explained->why)}};
  if (!explained->site.empty()) {
    object["site"] = explained->site;
    object["mode"] = core::name(explained->mode);
    object["class"] = core::name(explained->request_class);
    object["class_why"] = core::name(explained->class_why);
  }
  if (!explained->rule.empty()) object["rule"] = explained->rule;
  if (!explained->pool.empty()) object["pool"] = explained->pool;
  if (!explained->speaks.empty()) object["speaks"] = explained->speaks;
  if (!explained->slice.empty()) object["slice"] = explained->slice;
  if (explained->notice) object["notice"] = true;
  if (explained->status != 0) object["status"] = explained->status;
  if (!explained->location.empty()) object["location"] = explained->location;
  if (!explained->strict_transport.empty()) object["strict_transport"] = explained->strict_transport;
  object["path"] = explained->normal_form;
  object["readings"] = json::array(explained->readings.begin(), explained->readings.end());
  if (!explained->doubt.empty()) object["doubt"] = explained->doubt;
  object["sentence"] = explained->sentence;
  return object;
}

}  // namespace drawbridge::admin
