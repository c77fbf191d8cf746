#pragma once

#include "proxy/base/limits.h"
#include "proxy/http/fields.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drawbridge::http {

// Methods are case-sensitive (RFC 9110 section 9.1): "get" is `other`.
enum class Method : std::uint8_t { get, head, post, put, delete_, options, patch, trace, connect, other };

// How the end of a body is known. `none` means that no body follows, whatever the fields say (HEAD, 204, 304 …);
// a body of zero bytes announced by Content-Length is `sized` with bytes = 0.
struct Body {
  enum class Kind : std::uint8_t { none, sized, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t bytes = 0;  // for `sized` only
};

// One field line. The views point into the buffer that was parsed; the value is without surrounding blanks.
struct Header {
  Field field = Field::other;
  bool hop_by_hop =
      false;  // never forwarded: hop-by-hop by RFC 9110 section 7.6.1, named by Connection, or disguised
  bool verbatim = false;  // the bytes from the name on are "name: value\r\n", as we would write them
  std::string_view name;
  std::string_view value;
};

// Room for field lines in one head; HeadLimits::headers_max cannot exceed it.
inline constexpr std::size_t header_capacity = base::limits::headers_max;

// Field lines in the order received, with a bit for each known field, so that asking for an absent one is free.
class HeaderList {
 public:
  void clear() { count_ = 0, present_ = 0; }
  bool full() const { return count_ == header_capacity; }
  void add(const Header& header) {  // not when full()
    present_ |= bit(header.field);
    room_.headers[count_++] = header;
  }

  std::size_t size() const { return count_; }
  std::span<const Header> all() const { return {room_.headers.data(), count_}; }
  std::span<Header> all() { return {room_.headers.data(), count_}; }
  bool has(Field field) const { return (present_ & bit(field)) != 0; }

  // The first line of that field, or nullptr. `Field::other` is never found by kind.
  const Header* find(Field field) const;
  const Header* find(std::string_view name) const;  // without regard to case
  std::string_view value(Field field) const;        // of the first line; empty if absent

 private:
  static constexpr std::uint64_t bit(Field field) {
    return field == Field::other ? 0 : std::uint64_t{1} << (static_cast<unsigned>(field) % 64);
  }

  // Not zeroed: a head fills a tenth of it, and each request of a crowd has two.
  union Room {
    Room() {}
    std::array<Header, header_capacity> headers;
  };
  Room room_;
  std::size_t count_ = 0;
  std::uint64_t present_ = 0;  // a filter: fields 64 apart share a bit
};

// The first line of a request, judged and taken apart.
struct RequestLine {
  Method method = Method::get;
  std::string_view method_text;
  std::string_view target;         // as received
  std::string_view path;           // raw, as received; "/" if the target has none, "*" for OPTIONS *
  std::string_view query;          // without '?'
  bool has_query = false;          // true for "/a?", whose query is empty
  bool absolute_form = false;      // target was http://… or https://…; its authority is then equal to the Host's
  std::string_view authority;      // the Host value, port included; empty only for HTTP/1.0 without Host
  std::string_view host;           // without port, brackets of an IPv6 literal kept; case as received
  std::string_view port;           // digits only, may be empty
  std::uint8_t minor_version = 1;  // 0 or 1
  bool http2 = false;              // came over HTTP/2; minor_version is then 1
};

// A judged request head. All views point into the buffer given to parse_request (or to constants) and die with it.
// About 5 KiB: keep one and parse into it again, do not copy it.
struct RequestHead : RequestLine {
  Body body;                      // none, sized or chunked
  bool keep_alive = true;         // what the client asks for
  bool expects_continue = false;  // HTTP/1.1, "Expect: 100-continue", and a body to wait for
  std::string_view upgrade;       // protocol asked for by Upgrade and Connection: upgrade; empty if none, or if a
                                  // body follows, or if the protocol is one we do not tunnel (h2c, TLS)
  bool extended_connect =
      false;  // `upgrade` was asked for by RFC 8441: answered with 200, has no Sec-WebSocket-Key
  std::optional<std::uint32_t> max_forwards;  // OPTIONS only: at 0 we answer ourselves, else one less is passed on
  HeaderList headers;
};

// A judged response head from an upstream. Views as in RequestHead.
struct ResponseHead {
  std::uint16_t status = 0;  // 100 … 599
  std::string_view reason;
  std::uint8_t minor_version = 1;
  bool http2 = false;
  Body body;                        // by the rules of RFC 9112 section 6.3 for the request it answers
  bool has_content_length = false;  // announced, even if no body follows (HEAD, 304)
  std::uint64_t content_length = 0;
  bool keep_alive = true;    // the upstream connection may be used again once the body has ended
  bool switching = false;    // 101 to a request that asked for this upgrade: a tunnel follows
  std::string_view upgrade;  // protocol of a 101 or a 426
  HeaderList headers;

  bool interim() const { return status < 200 && status != 101; }  // 1xx: another head follows
};

struct HeadLimits {
  std::size_t head_bytes_max = 32 * 1024;  // from the first byte to the empty line; beyond: 431
  std::size_t line_bytes_max = 8 * 1024;   // the request line; beyond: 414
  std::size_t headers_max = 100;           // at most header_capacity; beyond: 431
};

Method method_of(std::string_view text);

}  // namespace drawbridge::http
