#include "proxy/obs/exposition.h"

#include "proxy/obs/process.h"
#include "tests/unit/metric_checker.h"
#include "tests/unit/sample_record.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using tests::read_metrics;

namespace {

// A proxy with two sites and two servers that has seen some traffic.
obs::Exposed sample_proxy() {
  obs::Registry registry(2);
  auto record = tests::sample_record();
  registry.worker(0).finished(record);
  registry.worker(1).finished(record);
  record.verdict = core::Verdict::refuse;
  record.request_class = core::RequestClass::write;
  record.status = 503;
  registry.worker(0).finished(record);
  registry.worker(0).entered(0, core::RequestClass::tunnel);
  registry.worker(0).head_refused(base::Reason::too_large);
  registry.worker(0).connect_failed(1);
  obs::Record refused;
  refused.status = 400;
  registry.worker(0).finished(refused);
  record.site_id = 9;  // a site that is no more
  registry.worker(0).finished(record);

  obs::Exposed exposed;
  exposed.totals = registry.collect();
  exposed.epoch = 41;
  exposed.workers = 2;
  registry.worker(1).waited_in_hold(0, base::Millis(300));
  exposed.totals = registry.collect();
  exposed.sites = {{0, "shop", core::Mode::readonly, "blue"}, {1, "ide", core::Mode::live, "green"}};
  exposed.sites[0].parked = 3;
  exposed.sites[0].draining[core::RequestClass::write] = 2;
  exposed.sites[0].cutover_stage = "run";
  exposed.sites[1].cutover_outcome = "failed_back";
  exposed.servers = {{0, "blue", "127.0.0.1:9001", true, core::ServerAdmin::ready},
                     {1, "green", "127.0.0.1:9101", false, core::ServerAdmin::drain}};
  exposed.drains.observe(base::Millis(12));
  exposed.drains.observe(base::Millis(90'000));
  return exposed;
}

}  // namespace

TEST_CASE("the exposition keeps to the letter of the text format") {
  for (const auto& exposed : {obs::Exposed{}, sample_proxy()}) {
    const auto metrics = read_metrics(obs::expose(exposed));
    for (const auto& problem : metrics.problems) FAIL_CHECK(problem);
    CHECK(metrics.types.size() > 30);
  }
}

TEST_CASE("the exposition tells requests, mode, epoch, servers and drains") {
  const auto metrics = read_metrics(obs::expose(sample_proxy()));
  CHECK(metrics.value("drawbridge_epoch") == 41);
  CHECK(metrics.value("drawbridge_requests_total",
                      {{"site", "shop"}, {"class", "read"}, {"verdict", "forward"}, {"status", "200"}}) == 2);
  CHECK(metrics.value("drawbridge_requests_total",
                      {{"site", ""}, {"class", ""}, {"verdict", ""}, {"status", "400"}}) == 1);
  CHECK(metrics.value("drawbridge_refused_writes_total", {{"site", "shop"}}) == 1);
  CHECK(metrics.value("drawbridge_requests_in_flight", {{"site", "shop"}, {"class", "tunnel"}}) == 1);
  CHECK(metrics.value("drawbridge_site_mode", {{"site", "shop"}, {"mode", "readonly"}}) == 1);
  CHECK(metrics.value("drawbridge_site_mode", {{"site", "shop"}, {"mode", "live"}}) == 0);
  CHECK(metrics.value("drawbridge_site_mode", {{"site", "ide"}, {"mode", "live"}}) == 1);
  CHECK(metrics.value("drawbridge_site_pool", {{"site", "ide"}, {"pool", "green"}}) == 1);
  CHECK(metrics.value("drawbridge_server_up", {{"pool", "green"}, {"server", "127.0.0.1:9101"}}) == 0);
  CHECK(metrics.value("drawbridge_server_admin",
                      {{"pool", "green"}, {"server", "127.0.0.1:9101"}, {"state", "drain"}}) == 1);
  CHECK(metrics.value("drawbridge_server_connect_failures_total",
                      {{"pool", "green"}, {"server", "127.0.0.1:9101"}}) == 1);
  CHECK(metrics.value("drawbridge_server_first_byte_seconds_bucket",
                      {{"pool", "blue"}, {"server", "127.0.0.1:9001"}, {"le", "0.005"}}) == 4);
  CHECK(metrics.value("drawbridge_heads_refused_total", {{"reason", "too_large"}}) == 1);
  CHECK(metrics.value("drawbridge_drain_duration_seconds_count") == 2);
  CHECK(metrics.value("drawbridge_drain_duration_seconds_sum") == doctest::Approx(90.012));
  CHECK(metrics.value("drawbridge_drain_duration_seconds_bucket", {{"le", "60"}}) == 1);
}

TEST_CASE("the exposition tells who waits, for what, and how cutovers stand and ended") {
  const auto metrics = read_metrics(obs::expose(sample_proxy()));
  CHECK(metrics.value("drawbridge_requests_parked", {{"site", "shop"}}) == 3);
  CHECK(metrics.value("drawbridge_requests_parked", {{"site", "ide"}}) == 0);
  CHECK(metrics.value("drawbridge_drain_open", {{"site", "shop"}, {"class", "write"}}) == 2);
  CHECK(metrics.value("drawbridge_cutover_stage", {{"site", "shop"}, {"stage", "run"}}) == 1);
  CHECK(metrics.value("drawbridge_cutover_last_outcome", {{"site", "ide"}, {"outcome", "failed_back"}}) == 1);
  CHECK(metrics.value("drawbridge_hold_wait_seconds_count", {{"site", "shop"}}) == 1);
  CHECK(metrics.value("drawbridge_hold_wait_seconds_sum", {{"site", "shop"}}) == doctest::Approx(0.3));
}

TEST_CASE("a site that is no more is not exposed") {
  const auto metrics = read_metrics(obs::expose(sample_proxy()));
  CHECK(metrics.samples.at("drawbridge_refused_writes_total").size() == 2);  // shop and those of no site
}

TEST_CASE("a name with quotes, backslashes and line ends stays one label") {
  obs::Exposed exposed;
  const std::string name = "a\"b\\c\nd{}=,";
  exposed.sites = {{0, name, core::Mode::live, "blue"}};
  const auto metrics = read_metrics(obs::expose(exposed));
  CHECK(metrics.problems.empty());
  CHECK(metrics.value("drawbridge_site_pool", {{"site", name}, {"pool", "blue"}}) == 1);
}

TEST_CASE("the process measures itself") {
  obs::Exposed exposed;
  obs::measure_process(exposed);
  CHECK(exposed.descriptors_open >= 3);
  CHECK(exposed.descriptors_open < exposed.descriptors_max);
  CHECK(exposed.resident_bytes > 100'000);
  const auto now = static_cast<double>(base::now().wall.time_since_epoch().count()) / 1'000;
  CHECK(exposed.start_seconds <= now + 2);
  CHECK(exposed.start_seconds > now - 600);
}

TEST_CASE("the checker of this test finds what it is for") {
  const char* broken[] = {
      "drawbridge_x 1\n",
      "# HELP a_total x\n# TYPE a_total counter\na_total 1",
      "# HELP a_total x\n# TYPE a_total counter\na_total one\n",
      "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"\\x\"} 1\n",
      "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"1\"} 1\na_total{b=\"1\"} 2\n",
      "# HELP a x\n# TYPE a counter\na 1\n",
      "# HELP a x\n# TYPE a gauge\nb 1\n",
      "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
      "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
  };
  for (const auto* text : broken) {
    CAPTURE(text);
    CHECK_FALSE(read_metrics(text).problems.empty());
  }
}
