#pragma once

#include "proxy/core/cutover.h"

#include <cstddef>
#include <functional>

namespace drawbridge::app {

// What tests of proxyd as a whole ask for in its environment. Nothing of it is for operators; without these
// variables nothing changes. Read once, at start.

// DRAWBRIDGE_TEST_IO_BYTES=N: bytes of one read or write on the data path, at most.
std::size_t io_bytes_for_tests();

// DRAWBRIDGE_TEST_DIE_AT=STAGE.ACTION.before|after: the process kills itself when a cutover comes to this point, as
// if by kill -9. Empty without the variable.
std::function<void(const core::CutoverPoint&)> death_for_tests();

}  // namespace drawbridge::app
