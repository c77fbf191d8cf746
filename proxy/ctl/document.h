#pragma once

#include "proxy/base/time.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Looking into the daemon's JSON. What is missing or of another type reads as empty: an older or newer daemon must
// not make its remote control fall over.
namespace drawbridge::ctl {

// nullopt if it is no object.
std::optional<boost::json::object> parse_object(std::string_view body);

std::string text(const boost::json::object& object, std::string_view key);
std::int64_t number(const boost::json::object& object, std::string_view key);
bool flag(const boost::json::object& object, std::string_view key);
const boost::json::object& object_in(const boost::json::object& object, std::string_view key);
const boost::json::array& array_in(const boost::json::object& object, std::string_view key);
const boost::json::object& as_object(const boost::json::value& value);

// The strings of a list, joined: "shop, search".
std::string joined(const boost::json::object& object, std::string_view key, std::string_view separator = ", ");

std::optional<base::WallTime> time_in(const boost::json::object& object, std::string_view key);

}  // namespace drawbridge::ctl
