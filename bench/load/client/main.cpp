// The load generator: HTTP/1.1, plain or TLS, on one thread. It counts every answer and looks at its status and
// size.
//
//   bench_client --port N [--connections N] [--seconds S] [--rate R [--warm S]] [--close] [--tls] [--idle]
//                [--method M] [--path P] [--body-bytes N] [--accept A]
//                [--host H]... [--sites N]
//                [--status N] [--other-status N] [--answer-bytes N | --answer-bytes-max N]
//
// Without --rate each connection asks again as soon as it was answered. With --rate requests are due at even times
// whether or not earlier ones were answered, and times count from when they were due, so that a proxy that stalls
// cannot hide it; the connections are there before the first is due, and those due in the first --warm seconds are
// not counted. --close: a connection for each request. --idle: one request a connection, then silence until the end
// of standard input. --sites N: asks site0.bench … in turn.
#include "bench/load/client/load.h"
#include <csignal>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto options = drawbridge::bench::read_options(argc, argv);
  drawbridge::bench::Load load(options);
  if (options.idle) {
    load.wait_idle();
    return 0;
  }
  load.run();
  load.print();
}
