#pragma once

#include <boost/json/fwd.hpp>

#include <string>

namespace drawbridge::control {

// For the operator who has gone back to an older proxyd: what is on, as far as a state of another form says it in
// the usual places, and the ways on. An older proxyd must not guess the rest of it, nor replace it.
std::string ways_from_newer_state(const boost::json::object& state);

}  // namespace drawbridge::control
