#include "proxy/admin/session.h"

#include "proxy/admin/documents.h"
#include "proxy/admin/long_one.h"
#include "proxy/admin/peer.h"
#include "proxy/admin/routes.h"
#include "proxy/admin/slot.h"
#include "proxy/base/limits.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

namespace drawbridge::admin {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using asio::local::stream_protocol;
using Stream = beast::basic_stream<stream_protocol>;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr base::Millis load_patience{2'000};  // for workers to say what they have in flight
constexpr base::Millis doctor_patience{30'000};
constexpr std::uint32_t head_bytes_max = 16 * 1024;

class LiveSession final : public Session, public std::enable_shared_from_this<LiveSession> {
 public:
  LiveSession(stream_protocol::socket socket, Parts parts) : stream_(std::move(socket)), parts_(parts) {}

  asio::awaitable<void> run() override;
  void notify_events() override {
    if (following_) following_->cancel();
  }
  bool is_idle() const override { return idle_ && !stopping_; }
  void stop() override;

 private:
  using Request = http::request<http::string_body>;

  asio::awaitable<bool> read(Request& request);
  asio::awaitable<bool> serve(const Request& request);
  asio::awaitable<bool> dispatch(Endpoint endpoint, const Asked& asked, const Request& request);
  asio::awaitable<bool> write(Response response, bool keep_alive);
  asio::awaitable<bool> begin_stream(std::string_view content_type);
  asio::awaitable<bool> write_chunk(std::string bytes);
  asio::awaitable<bool> end_stream();

  asio::awaitable<bool> command(core::Command command, bool streamed);
  asio::awaitable<bool> wait(control::WaitFor what);
  asio::awaitable<bool> status(const Target& target);
  asio::awaitable<bool> doctor();
  asio::awaitable<bool> metrics();
  asio::awaitable<bool> events(const Asked& asked, std::string_view last_event_id);

  Problem busy() const { return {503, "busy", "too many clients wait or follow events already", {}}; }
  core::Actor actor() const { return {user_name(peer_.uid), peer_.uid, peer_.pid}; }
  bool is_full() const { return parts_.long_ones >= parts_.options.connections_max / 2; }
  bool client_gone();
  bool given_up(const Asked& asked);

  template <class T>
  asio::awaitable<bool> await(Slot<T>& slot, std::optional<base::Millis> patience);

  Stream stream_;
  Parts parts_;
  Peer peer_;
  beast::flat_buffer buffer_{head_bytes_max + base::limits::admin_body_bytes_max};
  asio::steady_timer* following_ = nullptr;
  bool keep_alive_ = true;
  bool idle_ = false;
  bool stopping_ = false;
};

void LiveSession::stop() {
  stopping_ = true;
  notify_events();
  if (idle_) stream_.close();
}

// Reads nothing: a request that was sent ahead stays where it is, and hides nothing. One that only sends no more
// still listens.
bool LiveSession::client_gone() {
  pollfd client{.fd = stream_.socket().native_handle(), .events = 0, .revents = 0};
  return ::poll(&client, 1, 0) == 1 && (client.revents & (POLLHUP | POLLERR)) != 0;
}

// A client that gave up while its request waited here (proxyd was out of descriptors, or stopped) was told nothing:
// what it wanted then must not happen now.
bool LiveSession::given_up(const Asked& asked) {
  if (!client_gone()) return false;
  parts_.events.warning("admin_request_dropped",
                        {{"request", fmt::format("{} {}", asked.method, asked.target.path)},
                         {"pid", std::to_string(peer_.pid)},
                         {"hint", "its client left before it was begun"}});
  return true;
}

template <class T>
asio::awaitable<bool> LiveSession::await(Slot<T>& slot, std::optional<base::Millis> patience) {
  const auto begin = base::SteadyClock::now();
  while (!slot.value) {
    if (client_gone()) co_return false;
    if (patience && base::SteadyClock::now() - begin > *patience) co_return false;
    co_await slot.pause();
  }
  co_return true;
}

asio::awaitable<void> LiveSession::run() {
  const auto self = shared_from_this();
  const auto peer = peer_of(stream_.socket().native_handle());
  if (!peer) co_return;
  peer_ = *peer;
  while (!stopping_) {
    Request request;
    if (!co_await read(request)) break;
    keep_alive_ = request.keep_alive();
    if (!co_await serve(request) || !keep_alive_) break;
  }
  beast::error_code ignored;
  stream_.socket().shutdown(stream_protocol::socket::shutdown_send, ignored);
  stream_.close();
}

asio::awaitable<bool> LiveSession::read(Request& request) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(head_bytes_max);
  parser.body_limit(base::limits::admin_body_bytes_max);
  stream_.expires_after(parts_.options.request_timeout);
  idle_ = true;
  const auto [error, bytes] = co_await http::async_read(stream_, buffer_, parser, as_result);
  idle_ = false;
  if (!error) {
    request = parser.release();
    co_return true;
  }
  const bool is_large = error == http::error::body_limit || error == http::error::header_limit ||
                        error == http::error::buffer_overflow;
  if (is_large) {
    const Problem problem{
        413, "too_large", fmt::format("a request has at most {} bytes", base::limits::admin_body_bytes_max), {}};
    co_await write(problem_response(problem), false);
  } else if (error != http::error::end_of_stream && error != http::error::partial_message &&
             error.category() == http::make_error_code(http::error::end_of_stream).category()) {
    co_await write(problem_response(bad_request("this is not HTTP/1.1: " + error.message())), false);
  }
  co_return false;
}

asio::awaitable<bool> LiveSession::serve(const Request& request) {
  if (!may_command(peer_, ::geteuid(), parts_.group)) {
    parts_.events.warning("admin_permission_denied",
                          {{"uid", std::to_string(peer_.uid)}, {"pid", std::to_string(peer_.pid)}});
    keep_alive_ = false;
    co_return co_await write(problem_response({403, "permission_denied", denial(peer_), {}}), false);
  }
  const std::string_view line_target(request.target().data(), request.target().size());
  const std::string_view method(request.method_string().data(), request.method_string().size());
  auto target = parse_target(line_target);
  if (!target) co_return co_await write(problem_response(target.error()), keep_alive_);
  const auto endpoint = find_endpoint(method, target->path);
  if (!endpoint) co_return co_await write(endpoint.error(), keep_alive_);
  const Asked asked{method, std::move(*target), request.body()};
  co_return co_await dispatch(*endpoint, asked, request);
}

asio::awaitable<bool> LiveSession::dispatch(Endpoint endpoint, const Asked& asked, const Request& request) {
  if (!takes_query(endpoint)) {
    if (auto checked = expect_no_query(asked.target); !checked) {
      co_return co_await write(problem_response(checked.error()), keep_alive_);
    }
  }
  switch (endpoint) {
    case Endpoint::mode:
    case Endpoint::server:
    case Endpoint::cutover:
    case Endpoint::rollback:
    case Endpoint::reload: {
      if (given_up(asked)) co_return false;
      auto parsed = parse_command(endpoint, asked);
      if (!parsed) co_return co_await write(problem_response(parsed.error()), keep_alive_);
      const bool streamed = request[http::field::accept] == "application/x-ndjson";
      if (const auto wrong = check_stream(*parsed, streamed)) {
        co_return co_await write(problem_response(*wrong), keep_alive_);
      }
      co_return co_await command(std::move(*parsed), streamed);
    }
    case Endpoint::run_ended:
      co_return co_await write(end_run(asked.body, parts_.api), keep_alive_);
    case Endpoint::abort:
      co_return co_await write(abort_cutover(asked.body, actor(), parts_.api), keep_alive_);
    case Endpoint::wait: {
      auto parsed = parse_wait(asked.body);
      if (!parsed) co_return co_await write(problem_response(parsed.error()), keep_alive_);
      co_return co_await wait(std::move(*parsed));
    }
    case Endpoint::status:
      co_return co_await status(asked.target);
    case Endpoint::doctor:
      co_return co_await doctor();
    case Endpoint::metrics:
      co_return co_await metrics();
    case Endpoint::events: {
      const std::string last(request["Last-Event-ID"]);
      co_return co_await events(asked, last);
    }
    case Endpoint::explain:
    case Endpoint::pools:
    case Endpoint::preview:
    case Endpoint::history:
    case Endpoint::version:
      break;
  }
  co_return co_await write(answer_now(endpoint, asked, parts_.api), keep_alive_);
}

asio::awaitable<bool> LiveSession::write(Response response, bool keep_alive) {
  http::response<http::string_body> message{http::int_to_status(response.status), 11};
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  message.body() = std::move(response.body);
  message.keep_alive(keep_alive && !stopping_);
  message.prepare_payload();
  stream_.expires_after(parts_.options.write_timeout);
  const auto [error, bytes] = co_await http::async_write(stream_, message, as_result);
  co_return !error;
}

asio::awaitable<bool> LiveSession::begin_stream(std::string_view content_type) {
  http::response<http::empty_body> message{http::status::ok, 11};
  message.set(http::field::content_type, beast::string_view(content_type.data(), content_type.size()));
  message.set(http::field::cache_control, "no-store");
  message.keep_alive(keep_alive_);
  message.chunked(true);
  http::response_serializer<http::empty_body> serializer(message);
  stream_.expires_after(parts_.options.write_timeout);
  const auto [error, bytes] = co_await http::async_write_header(stream_, serializer, as_result);
  co_return !error;
}

asio::awaitable<bool> LiveSession::write_chunk(std::string bytes) {
  stream_.expires_after(parts_.options.write_timeout);
  const auto [error, count] = co_await asio::async_write(stream_, http::make_chunk(asio::buffer(bytes)), as_result);
  co_return !error;
}

asio::awaitable<bool> LiveSession::end_stream() {
  stream_.expires_after(parts_.options.write_timeout);
  const auto [error, count] = co_await asio::async_write(stream_, http::make_chunk_last(), as_result);
  co_return !error;
}

// A client that goes away only stops listening: what was published stays. A cutover that has not flipped yet goes
// back.
asio::awaitable<bool> LiveSession::command(core::Command command, bool streamed) {
  const auto slot = std::make_shared<CommandSlot>(stream_.get_executor());
  command.actor = actor();
  parts_.api.submit(std::move(command), completion_of(slot));
  bool begun = false;
  while (true) {
    while (streamed && !slot->progress.empty()) {
      const auto progress = slot->progress.front();
      slot->progress.pop_front();
      if (!begun && !co_await begin_stream("application/x-ndjson")) co_return false;
      begun = true;
      if (!co_await write_chunk(line_of({{"progress", progress_document(progress)}}))) co_return false;
    }
    if (slot->value) break;
    if (client_gone()) co_return false;
    co_await slot->pause();
  }
  const control::Done& done = *slot->value;
  if (!begun) {
    co_return co_await write(
        done ? json_response({{"receipt", receipt_document(*done)}}) : problem_response(from_refusal(done.error())),
        keep_alive_);
  }
  const auto last = done ? boost::json::object{{"receipt", receipt_document(*done)}}
                         : boost::json::object{{"error", document(from_refusal(done.error()))}};
  co_return co_await write_chunk(line_of(last)) && co_await end_stream();
}

asio::awaitable<bool> LiveSession::wait(control::WaitFor what) {
  if (is_full()) co_return co_await write(problem_response(busy()), keep_alive_);
  const LongOne counted(parts_.long_ones);
  using Outcome = std::expected<control::Waited, control::Refusal>;
  const auto slot = std::make_shared<Slot<Outcome>>(stream_.get_executor());
  const auto id = parts_.api.wait(std::move(what), fill<Outcome>(slot));
  if (!co_await await(*slot, std::nullopt)) {
    parts_.api.cancel_wait(id);
    co_return false;
  }
  co_return co_await write(*slot->value ? json_response(waited_document(**slot->value))
                                        : problem_response(from_refusal(slot->value->error())),
                           keep_alive_);
}

asio::awaitable<bool> LiveSession::status(const Target& target) {
  auto only = parse_site_filter(target);
  if (!only) co_return co_await write(problem_response(only.error()), keep_alive_);
  StatusParts found;
  found.only = std::move(*only);
  std::vector<core::SiteId> ids;
  for (const auto& site : parts_.api.status().sites) ids.push_back(site.id);
  using Loads = std::vector<control::Workers::SiteLoad>;
  const auto slot = std::make_shared<Slot<Loads>>(stream_.get_executor());
  parts_.api.load(std::move(ids), fill<Loads>(slot));
  const bool loaded = co_await await(*slot, load_patience);
  found.status = parts_.api.status();
  if (loaded) {
    found.loads = std::move(*slot->value);
  } else {
    found.status.warnings.push_back("a worker did not say within 2 s what it has in flight");
  }
  if (auto unknown = find_unknown_site(found)) {
    co_return co_await write(problem_response(*unknown), keep_alive_);
  }
  co_return co_await write(json_response(status_document(found, parts_.api)), keep_alive_);
}

asio::awaitable<bool> LiveSession::doctor() {
  const auto slot = std::make_shared<Slot<std::vector<Check>>>(stream_.get_executor());
  parts_.api.doctor(fill<std::vector<Check>>(slot));
  if (!co_await await(*slot, doctor_patience)) {
    const Problem problem{500, "internal", "the checks did not end in time", {}};
    co_return co_await write(problem_response(problem), keep_alive_);
  }
  co_return co_await write(json_response(doctor_document(*slot->value)), keep_alive_);
}

asio::awaitable<bool> LiveSession::metrics() {
  const auto slot = std::make_shared<Slot<std::string>>(stream_.get_executor());
  parts_.api.metrics(fill<std::string>(slot));
  if (!co_await await(*slot, doctor_patience)) co_return false;
  co_return co_await write({200, "text/plain; version=0.0.4; charset=utf-8", std::move(*slot->value), ""},
                           keep_alive_);
}

asio::awaitable<bool> LiveSession::events(const Asked& asked, std::string_view last_event_id) {
  const auto after = parse_events(asked.target, last_event_id);
  if (!after) co_return co_await write(problem_response(after.error()), keep_alive_);
  if (is_full()) co_return co_await write(problem_response(busy()), keep_alive_);
  const LongOne counted(parts_.long_ones);
  std::uint64_t seen = 0;
  if (*after) {
    seen = **after;
  } else if (const auto kept = parts_.events.since(0); !kept.empty()) {
    seen = kept.back().sequence;
  }
  if (!co_await begin_stream("text/event-stream")) co_return false;
  asio::steady_timer timer(stream_.get_executor());
  bool open = co_await write_chunk(": events of proxyd follow\n\n");
  while (open && !stopping_) {
    const auto news = parts_.events.since(seen);
    for (const auto& event : news) {
      seen = event.sequence;
      open = open && co_await write_chunk(fmt::format("id: {}\nevent: {}\ndata: {}\n", event.sequence, event.name,
                                                      line_of(event_document(event))));
    }
    if (!news.empty()) continue;
    timer.expires_after(parts_.options.keepalive_every);
    following_ = &timer;
    const auto [woken] = co_await timer.async_wait(as_result);
    following_ = nullptr;
    if (!woken && !client_gone()) open = co_await write_chunk(": still here\n\n");
    open = open && !client_gone();
  }
  co_return open&& co_await end_stream();
}

}  // namespace

std::shared_ptr<Session> Session::make(stream_protocol::socket socket, Parts parts) {
  return std::make_shared<LiveSession>(std::move(socket), parts);
}

}  // namespace drawbridge::admin
