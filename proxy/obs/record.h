#pragma once

#include "proxy/base/time.h"
#include "proxy/core/mode.h"
#include "proxy/core/plan.h"
#include "proxy/core/snapshot.h"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace drawbridge::obs {

using Micros = std::chrono::microseconds;

inline constexpr core::SiteId no_site = 0xffff;      // the request belongs to no site
inline constexpr core::SliceId no_slice = 0xffff;    // the rest of its site, or of a site that is not split
inline constexpr core::ServerId no_server = 0xffff;  // no upstream server was chosen

// All that a finished request tells, made once at its end. Views are of the caller and valid during the call it is
// passed to. Text may hold any byte from outside: whoever writes it escapes it.
struct Record {
  base::WallTime at{};      // when the first byte of the head had come
  std::string_view client;  // address without port, after trusted proxies were believed
  std::string_view method;
  std::string_view target;     // as received
  std::string_view host;       // as received
  unsigned version_minor = 1;  // of HTTP/1
  bool http2 = false;          // then it is HTTP/2.0

  // False: the head was refused before there was a plan (400, 414, 431, 501, 408); what follows up to `why` is
  // void.
  bool decided = false;
  core::SiteId site_id = no_site;
  std::string_view site;
  core::SliceId slice_id = no_slice;
  std::string_view slice;  // of a site that is split: the slice that decided; empty: the rest
  core::Mode mode = core::Mode::live;
  core::RequestClass request_class = core::RequestClass::read;
  core::Verdict verdict = core::Verdict::no_site;
  core::Why why = core::Why::no_site;

  core::ServerId server_id = no_server;  // the one that was asked last
  std::string_view pool;
  std::string_view server;  // address as configured, or the one dialled

  unsigned status = 0;               // sent to the client; 0 = none went out
  std::uint64_t request_bytes = 0;   // of the body, from the client
  std::uint64_t response_bytes = 0;  // of the body, to the client
  Micros total{0};
  Micros upstream_connect{-1};     // of the connection made for this request; negative = none was made
  Micros upstream_first_byte{-1};  // from the head's last byte sent to the answer's first; negative = none came
  unsigned retries = 0;
  std::string_view request_id;
  std::string_view failure;  // "upstream refused", …; empty = none
  std::string_view user_agent;
  std::string_view referer;
};

}  // namespace drawbridge::obs
