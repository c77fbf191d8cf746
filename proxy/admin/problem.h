#pragma once

#include "proxy/control/refusal.h"

#include <boost/json/object.hpp>

#include <string>

namespace drawbridge::admin {

// An error answer: RFC 9457 members with our `code`. docs/ADMIN.md lists the codes.
struct Problem {
  unsigned status = 500;
  std::string code;
  std::string detail;
  boost::json::object more;  // "epoch", "problems", "keys", "hint"
};

Problem bad_request(std::string detail);
Problem from_refusal(const control::Refusal& refusal);
boost::json::object document(const Problem& problem);

}  // namespace drawbridge::admin
