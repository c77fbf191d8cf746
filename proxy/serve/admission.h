#pragma once

#include "proxy/core/ledger.h"
#include "proxy/serve/call.h"

namespace drawbridge::serve {

// Loads the snapshot, decides, and counts the request in the snapshot's epoch. Nothing suspends in here: that is
// why a fence, which runs on the same thread, can miss no request and count none twice. On return `call.plan` is
// set, and its pointers stay valid until `admission` leaves.
void admit(Call& call, core::Admission& admission, core::Admission::Owner& owner);

// What decide() wants to know of a request; `client` outlives it.
core::RequestFacts facts_of(const http::RequestHead& head, const http::IpAddress* client);

core::RequestFacts facts_of(const Call& call);

// What answers to a request that nothing is decided about say in Strict-Transport-Security: what the site of this
// host and target does, over TLS; empty: nothing. Of an origin-form target its path counts.
std::string_view strict_transport_of(const core::Snapshot& snapshot, std::string_view scheme, std::string_view host,
                                     std::string_view target);

}  // namespace drawbridge::serve
