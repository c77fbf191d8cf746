#pragma once

#include "proxy/net/unique_fd.h"

namespace drawbridge::serve {

// Last words to a connection that gets no place, as far as it takes them at once: to a client of HTTP/1 that there
// is no room, with 503 and a time to come again; to one that has begun with HTTP/2 a GOAWAY that has taken no
// stream; to one that has begun a handshake, or has come to begin one (`secure`) and not yet said a word, nothing.
void turn_away(net::UniqueFd client, bool secure);

// To one that speaks plain HTTP where TLS is spoken: 400, and why.
void ask_for_https(net::UniqueFd client);

}  // namespace drawbridge::serve
