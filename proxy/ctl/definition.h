#pragma once

#include "proxy/cli/manual.h"
#include "proxy/ctl/options.h"

#include <memory>

namespace CLI {
class App;
}

namespace drawbridge::ctl {

// The command line of proxyctl, reading into `options`, which must outlive it. The one source of parsing, --help,
// manual page and completion.
std::shared_ptr<CLI::App> define_command_line(Options& options);

cli::ProgramInfo program_info();

}  // namespace drawbridge::ctl
