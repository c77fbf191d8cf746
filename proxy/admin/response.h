#pragma once

#include "proxy/admin/problem.h"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace drawbridge::admin {

// An answer before it is HTTP.
struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // of 405
};

Response json_response(const boost::json::object& document);
Response problem_response(const Problem& problem);

// One line, as in streams.
std::string line_of(const boost::json::object& document);

}  // namespace drawbridge::admin
