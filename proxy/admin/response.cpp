#include "proxy/admin/response.h"

#include <boost/json/serialize.hpp>

namespace drawbridge::admin {

namespace json = boost::json;

Response json_response(const json::object& document) {
  return {200, "application/json", line_of(document), ""};
}

Response problem_response(const Problem& problem) {
  return {problem.status, "application/problem+json", line_of(document(problem)), ""};
}

std::string line_of(const json::object& document) {
  return json::serialize(document) + "\n";
}

}  // namespace drawbridge::admin
