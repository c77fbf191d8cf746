#pragma once

#include "proxy/http/head.h"

#include <string>

namespace drawbridge::wire {

// As the tables have it.
inline std::string describe(const http::Body& body) {
  switch (body.kind) {
    case http::Body::Kind::none:
      return "none";
    case http::Body::Kind::sized:
      return std::to_string(body.bytes);
    case http::Body::Kind::chunked:
      return "chunked";
    case http::Body::Kind::until_close:
      return "until_close";
  }
  return "?";
}

}  // namespace drawbridge::wire
