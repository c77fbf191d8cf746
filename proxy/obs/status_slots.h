#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace drawbridge::obs {

// Statuses get slots of a small table: the registered ones one each, the others one a class, so that an upstream
// that invents statuses cannot make the counters grow.
inline constexpr std::array<std::uint16_t, 59> counted_statuses{
    101, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400,
    401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422,
    423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 510, 511};
inline constexpr std::size_t status_classes = 6;  // none, 1xx to 5xx
inline constexpr std::size_t status_slots = counted_statuses.size() + status_classes;

std::size_t status_slot(unsigned status);    // of any number
std::string status_label(std::size_t slot);  // "200"; "4xx" for others of the class; "none" outside 100 to 599
bool is_server_error(unsigned status);

}  // namespace drawbridge::obs
