#pragma once

#include <string>
#include <vector>

namespace drawbridge::tests {

// Every point that some cutover can come to, by walking core::step from every plan with every event: a stage or an
// action that is added is in here without anybody naming it.
std::vector<std::string> cutover_points();

}  // namespace drawbridge::tests
