#include "proxy/core/bucket.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace drawbridge::core {
namespace {

unsigned bucket(const void* bytes, std::size_t count) {
  return static_cast<unsigned>(XXH64(bytes, count, 0) % bucket_count);
}

}  // namespace

unsigned bucket_of(std::string_view text) {
  return bucket(text.data(), text.size());
}

unsigned bucket_of(const http::IpAddress& address) {
  if (address.is_v4()) return bucket(address.bytes.data() + 12, 4);
  return bucket(address.bytes.data(), 8);
}

}  // namespace drawbridge::core
