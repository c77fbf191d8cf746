#include "proxy/core/retry.h"

#include <doctest/doctest.h>

#include <string_view>

using namespace drawbridge;
using namespace drawbridge::core;

namespace {

constexpr base::Failure failure(base::Reason reason, base::Fault fault = base::Fault::upstream) {
  return {.fault = fault, .reason = reason};
}

constexpr auto closed = failure(base::Reason::closed);
constexpr auto reset = failure(base::Reason::reset);
constexpr auto slow = failure(base::Reason::timed_out);
constexpr base::Failure untouched{
    .fault = base::Fault::upstream, .reason = base::Reason::closed, .retry_safe = true};
constexpr auto write = RequestClass::write;

}  // namespace

TEST_CASE("a request is asked again once, and only when that does no more than asking once") {
  struct Row {
    std::string_view says;
    RetryFacts facts;
    bool retried;
  };
  const Row rows[] = {
      {"an idempotent one, sent", {.failure = closed, .method = "GET", .request_bytes_sent = true}, true},
      {"after a reset", {.failure = reset, .method = "HEAD", .request_bytes_sent = true}, true},
      {"PUT is idempotent",
       {.failure = closed, .method = "PUT", .request_bytes_sent = true, .request_class = write},
       true},
      {"DELETE too",
       {.failure = closed, .method = "DELETE", .request_bytes_sent = true, .request_class = write},
       true},
      {"a POST that has left",
       {.failure = closed, .method = "POST", .request_bytes_sent = true, .request_class = write},
       false},
      {"a POST that has left on a kept connection",
       {.failure = reset, .method = "POST", .connection_reused = true, .request_bytes_sent = true},
       false},
      {"a POST that is read by rule", {.failure = closed, .method = "POST", .request_bytes_sent = true}, false},
      {"a POST of which nothing has left", {.failure = reset, .method = "POST", .request_class = write}, true},
      {"a POST that the server says it did not touch",
       {.failure = untouched, .method = "POST", .request_bytes_sent = true, .request_class = write},
       true},
      {"a GET that a rule or an override makes a write",
       {.failure = closed, .method = "GET", .request_bytes_sent = true, .request_class = write},
       false},
      {"the same, not yet sent", {.failure = closed, .method = "GET", .request_class = write}, true},
      {"PATCH", {.failure = closed, .method = "PATCH", .request_bytes_sent = true}, false},
      {"an unknown method", {.failure = closed, .method = "BREW", .request_bytes_sent = true}, false},
      {"a method in small letters", {.failure = closed, .method = "get", .request_bytes_sent = true}, false},
      {"a second time", {.failure = closed, .method = "GET", .attempts = 2}, false},
      {"once something came back", {.failure = closed, .method = "GET", .response_bytes_seen = true}, false},
      {"one that was cut", {.failure = closed, .method = "GET", .cut = true}, false},
      {"a slow server that has the request", {.failure = slow, .method = "GET", .request_bytes_sent = true}, false},
      {"a server too slow to take a byte", {.failure = slow, .method = "POST"}, true},
      {"a broken answer", {.failure = failure(base::Reason::malformed), .method = "GET"}, false},
      {"no server left", {.failure = failure(base::Reason::no_server), .method = "GET"}, false},
      {"refused", {.failure = failure(base::Reason::refused), .method = "POST"}, true},
      {"the client's fault",
       {.failure = failure(base::Reason::closed, base::Fault::client), .method = "GET"},
       false},
      {"our own", {.failure = failure(base::Reason::closed, base::Fault::proxy), .method = "GET"}, false},
      {"ended by us", {.failure = failure(base::Reason::cancelled), .method = "GET"}, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.says);
    CHECK(may_retry(row.facts) == row.retried);
  }
}
