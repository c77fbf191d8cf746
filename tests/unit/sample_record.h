#pragma once

#include "proxy/obs/record.h"

namespace drawbridge::tests {

// A forwarded read of the site "shop", as the data path would report it.
inline obs::Record sample_record() {
  obs::Record record;
  record.at = base::WallTime(base::Millis(1'772'352'000'042));  // 2026-03-01T08:00:00.042Z
  record.client = "192.0.2.7";
  record.method = "GET";
  record.target = "/orders?page=2";
  record.host = "shop.example";
  record.decided = true;
  record.site_id = 0;
  record.site = "shop";
  record.verdict = core::Verdict::forward;
  record.why = core::Why::method;
  record.server_id = 0;
  record.pool = "blue";
  record.server = "127.0.0.1:9001";
  record.status = 200;
  record.response_bytes = 1'234;
  record.total = obs::Micros(5'678);
  record.upstream_first_byte = obs::Micros(5'000);
  record.request_id = "0123456789abcdef0123456789abcdef";
  record.user_agent = "curl/7.88.1";
  return record;
}

}  // namespace drawbridge::tests
