#include "proxy/upstream/probe_verdict.h"

#include <doctest/doctest.h>

#include <string>

using drawbridge::upstream::HealthPolicy;
using drawbridge::upstream::HealthState;
using drawbridge::upstream::ProbeVerdict;

TEST_CASE("rise and fall decide how many probes it takes") {
  struct Row {
    unsigned rise, fall;
    const char* probes;    // + good, - bad
    const char* verdicts;  // after each: u up, d down
  };
  const Row rows[] = {
      {2, 3, "+", "u"},
      {2, 3, "-", "d"},
      {2, 3, "+--+--+---", "uuuuuuuuud"},
      {2, 3, "-+-++", "ddddu"},
      {1, 1, "+-+-", "udud"},
      {3, 2, "+--++-+++", "uuddddddu"},
      {2, 3, "---++--+", "dddduuuu"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.probes);
    HealthPolicy policy;
    policy.rise = row.rise;
    policy.fall = row.fall;
    ProbeVerdict verdict;
    std::string verdicts;
    for (const char* probe = row.probes; *probe != '\0'; ++probe) {
      verdicts += verdict.observe(*probe == '+', policy) == HealthState::up ? 'u' : 'd';
    }
    CHECK(verdicts == row.verdicts);
  }
}

TEST_CASE("failures are counted in a row") {
  ProbeVerdict verdict;
  const HealthPolicy policy;
  verdict.observe(false, policy);
  verdict.observe(false, policy);
  CHECK(verdict.failures() == 2);
  verdict.observe(true, policy);
  CHECK(verdict.failures() == 0);
}
