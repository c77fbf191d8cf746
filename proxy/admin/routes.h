#pragma once

#include "proxy/admin/api.h"
#include "proxy/admin/request.h"
#include "proxy/admin/response.h"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::admin {

enum class Endpoint : std::uint8_t {
  status,
  mode,
  wait,
  explain,
  pools,
  server,
  preview,
  history,
  events,
  reload,
  cutover,
  rollback,
  run_ended,
  abort,
  doctor,
  version,
  metrics,
};

// Whether it has a query to be understood; for others one is an error.
bool takes_query(Endpoint endpoint);
std::expected<Endpoint, Response> find_endpoint(std::string_view method, std::string_view path);

// What of a request decides its answer.
struct Asked {
  std::string_view method;
  Target target;
  std::string_view body;
};

// The answers that need nobody but the Api's own knowledge: explain, pools, preview, history, version.
Response answer_now(Endpoint endpoint, const Asked& asked, const Api& api);

// The command of mode, server, reload, cutover and rollback, still without its actor.
Parsed<core::Command> parse_command(Endpoint endpoint, const Asked& asked);

// Some commands can only be given by a client that follows them; nullopt if it can.
std::optional<Problem> check_stream(const core::Command& command, bool streamed);

// The word that the command of a cutover has ended.
Response end_run(std::string_view body, Api& api);

// The wish to give a cutover up.
Response abort_cutover(std::string_view body, const core::Actor& actor, Api& api);

}  // namespace drawbridge::admin
