#include "proxy/obs/counters.h"

#include "proxy/obs/status_slots.h"
#include "tests/unit/sample_record.h"

#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace drawbridge;
using core::RequestClass;
using core::Verdict;
using obs::Micros;

TEST_CASE("each status has a label of its own or that of its class") {
  CHECK(obs::status_label(obs::status_slot(200)) == "200");
  CHECK(obs::status_label(obs::status_slot(511)) == "511");
  CHECK(obs::status_label(obs::status_slot(101)) == "101");
  CHECK(obs::status_label(obs::status_slot(299)) == "2xx");
  CHECK(obs::status_label(obs::status_slot(599)) == "5xx");
  CHECK(obs::status_label(obs::status_slot(0)) == "none");
  CHECK(obs::status_label(obs::status_slot(600)) == "none");
  std::set<std::string> labels;
  for (std::size_t slot = 0; slot < obs::status_slots; ++slot) labels.insert(obs::status_label(slot));
  CHECK(labels.size() == obs::status_slots);
}

TEST_CASE("a duration falls into the first bucket that holds it") {
  obs::Histogram histogram;
  for (const auto us : {0, 500, 501, 1'000, 60'000'000, 60'000'001, -5}) histogram.observe(Micros(us));
  const auto value = histogram.value();
  CHECK(value.buckets[0] == 3);
  CHECK(value.buckets[1] == 2);
  CHECK(value.buckets[obs::bucket_count - 2] == 1);
  CHECK(value.buckets[obs::bucket_count - 1] == 1);
  CHECK(value.count() == 7);
  CHECK(value.sum_us == 120'002'002);
}

TEST_CASE("requests of all workers add up by class, verdict and status") {
  obs::Registry registry(3);
  auto record = tests::sample_record();
  record.request_bytes = 10;
  registry.worker(0).finished(record);
  registry.worker(2).finished(record);
  record.status = 502;
  record.retries = 1;
  registry.worker(1).finished(record);
  record.verdict = Verdict::refuse;
  record.request_class = RequestClass::write;
  record.status = 503;
  record.server_id = obs::no_server;
  registry.worker(1).finished(record);
  record.request_class = RequestClass::read;
  registry.worker(1).finished(record);

  const auto totals = registry.collect();
  REQUIRE(totals.sites.size() == 1);
  const auto& site = totals.sites[0];
  CHECK(site.id == 0);
  REQUIRE(site.requests.size() == 4);
  CHECK(site.requests[0].status == "200");
  CHECK(site.requests[0].count == 2);
  CHECK(site.requests[1].status == "502");
  CHECK(site.requests[3].verdict == Verdict::refuse);
  CHECK(site.requests[3].request_class == RequestClass::write);
  CHECK(site.refused_writes == 1);
  CHECK(site.request_bytes == 50);
  CHECK(site.response_bytes == 5 * 1'234);
  CHECK(site.duration.count() == 5);
  CHECK(totals.retries == 3);
  REQUIRE(totals.servers.size() == 1);
  CHECK(totals.servers[0].requests == 3);
  CHECK(totals.servers[0].response_5xx == 1);
  CHECK(totals.servers[0].first_byte.count() == 3);
  CHECK(totals.servers[0].connect.count() == 0);
}

TEST_CASE("requests without a plan and those of no site are counted apart") {
  obs::Registry registry(1);
  obs::Record record;
  record.status = 400;
  registry.worker(0).finished(record);
  record.decided = true;
  record.verdict = Verdict::no_site;
  record.status = 404;
  registry.worker(0).finished(record);
  registry.worker(0).head_refused(base::Reason::malformed);
  const auto totals = registry.collect();
  REQUIRE(totals.sites.size() == 1);
  CHECK(totals.sites[0].id == obs::no_site);
  REQUIRE(totals.sites[0].requests.size() == 2);
  CHECK(totals.sites[0].requests[0].status == "404");
  CHECK(totals.sites[0].requests[0].decided);
  CHECK(totals.sites[0].requests[1].status == "400");
  CHECK_FALSE(totals.sites[0].requests[1].decided);
  CHECK(totals.heads_refused[static_cast<std::size_t>(base::Reason::malformed)] == 1);
}

TEST_CASE("what entered and has not left is in flight, per site and class") {
  obs::Registry registry(2);
  registry.worker(0).entered(3, RequestClass::write);
  registry.worker(0).entered(3, RequestClass::write);
  registry.worker(1).entered(3, RequestClass::tunnel);
  registry.worker(0).left(3, RequestClass::write);
  const auto totals = registry.collect();
  REQUIRE(totals.sites.size() == 1);
  CHECK(totals.sites[0].in_flight[RequestClass::write] == 1);
  CHECK(totals.sites[0].in_flight[RequestClass::tunnel] == 1);
  CHECK(totals.sites[0].in_flight[RequestClass::read] == 0);
}

TEST_CASE("the counters may be read at any time while workers count") {
  obs::Registry registry(2);
  std::atomic<int> running{2};
  std::vector<std::jthread> workers;
  constexpr std::uint64_t requests = 20'000;
  for (std::size_t worker = 0; worker < 2; ++worker) {
    workers.emplace_back([&, worker] {
      auto record = tests::sample_record();
      for (std::uint64_t i = 0; i < requests; ++i) {
        record.site_id = static_cast<core::SiteId>(i % 50);
        record.server_id = static_cast<core::ServerId>(i % 70);
        registry.worker(worker).finished(record);
      }
      running.fetch_sub(1);
    });
  }
  std::uint64_t before = 0;
  const auto sum = [&] {
    std::uint64_t sum = 0;
    for (const auto& site : registry.collect().sites) sum += site.duration.count();
    return sum;
  };
  while (running.load() > 0) {
    const auto now = sum();
    CHECK(now >= before);
    before = now;
  }
  workers.clear();
  CHECK(sum() == 2 * requests);
  CHECK(registry.collect().sites.size() == 50);
  CHECK(registry.collect().servers.size() == 70);
}
