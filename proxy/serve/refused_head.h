#pragma once

#include "proxy/http/rules.h"
#include "proxy/net/task.h"
#include "proxy/serve/client_channel.h"
#include "proxy/serve/worker.h"

namespace drawbridge::serve {

// Answers a request whose head was refused: there is no plan for it, but a record. Of its head what could be read
// is in channel.space().request.
net::Task<> answer_refused_head(Worker& worker, ClientChannel& channel, http::Refusal refusal);

}  // namespace drawbridge::serve
