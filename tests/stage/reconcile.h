#pragma once

#include "tests/stage/stage.h"

#include <string>
#include <vector>

namespace drawbridge::stage {

// Compares the accounts of all sides after a run: what the client sent, as the judge of requests reads it, with
// what the servers saw; what the servers sent with what the client received; and what the modes of the sites allow.
// Empty when all agree.
std::vector<std::string> reconcile(const Stage& stage);

}  // namespace drawbridge::stage
