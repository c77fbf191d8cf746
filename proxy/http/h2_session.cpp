#include "proxy/http/h2_session.h"

#include "proxy/base/check.h"
#include "proxy/http/h2_engine.h"
#include "proxy/http/h2_fields.h"

#include <memory>
#include <new>
#include <utility>

namespace drawbridge::http {

void* H2Engine::operator new(std::size_t bytes, const base::Heap* heap) {
  void* const memory = heap != nullptr ? heap->take(bytes) : ::operator new(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void H2Engine::operator delete(void* memory, const base::Heap* heap) {
  heap != nullptr ? heap->give_back(memory) : ::operator delete(memory);
}

void H2Engine::operator delete(H2Engine* engine, std::destroying_delete_t) {
  const auto* const heap = engine->options.heap;
  engine->~H2Engine();
  operator delete(static_cast<void*>(engine), heap);
}

H2Session::H2Session(const H2Options& options, H2Listener& listener)
    : engine_(new(options.heap) H2Engine(options, listener)) {}

H2Session::~H2Session() = default;

bool H2Session::receive(std::span<const char> bytes, base::SteadyTime now) {
  auto& engine = *engine_;
  if (engine.broken) return false;
  engine.now = now;
  if (!engine.receive(bytes)) engine.broken = true;
  if (!engine.broken) engine.make_room();
  return !engine.broken;
}

std::size_t H2Session::produce(std::span<char> out) {
  DRAWBRIDGE_CHECK(out.size() >= produce_bytes_min);
  return engine_->library.produce(out);
}

bool H2Session::wants_output() const {
  return engine_->library.wants_output();
}

void H2Session::rest() {
  if (!engine_->streams.empty()) return;
  engine_->reader.reset();
  engine_->library.rest();
}

bool H2Session::finished() const {
  return (engine_->broken || !engine_->library.wants_input()) && !wants_output();
}

void H2Session::connection_lost() {
  auto& engine = *engine_;
  engine.broken = true;
  while (!engine.streams.empty()) {
    auto& stream = engine.streams.front();
    if (stream.id != 0) engine.library.attach(stream.id, nullptr);
    engine.close(stream, {.code = H2Code::internal_error, .not_processed = !stream.sent});
  }
}

void H2Session::respond(H2StreamId stream, std::string_view head, bool body_follows) {
  auto& library = engine_->library;
  auto* const user = library.find(stream);
  DRAWBRIDGE_CHECK(user != nullptr);
  H2Fields fields;
  read_response_fields(head, fields);
  library.submit_response(stream, fields, body_follows ? user : nullptr);
}

void H2Session::respond_interim(H2StreamId stream, std::string_view head) {
  H2Fields fields;
  read_response_fields(head, fields);
  engine_->library.submit_interim(stream, fields);
}

std::optional<H2StreamId> H2Session::request(const Ask& ask, H2StreamUser& user) {
  if (!can_open()) return std::nullopt;
  auto& engine = *engine_;
  auto& stream = engine.add_stream(user);
  stream.sent = false;
  stream.asked = {.method = ask.protocol.empty() ? ask.method : Method::get};
  H2Fields fields;
  read_request_fields(ask, fields);
  const auto id = engine.library.submit_request(fields, stream, ask.body_follows);
  if (id) {
    stream.id = *id;
  } else {
    engine.streams.erase_and_dispose(engine.streams.iterator_to(stream), std::default_delete<H2Stream>());
  }
  return id;
}

bool H2Session::can_open() const {
  const auto& engine = *engine_;
  return !engine.broken && !engine.goaway && !engine.ending && engine.library.request_allowed() &&
         engine.streams.size() < streams_max();
}

std::uint32_t H2Session::streams_max() const {
  const auto& engine = *engine_;
  return engine.settings_received ? engine.library.concurrent_streams_max() : engine.options.first_streams_max;
}

std::size_t H2Session::streams_open() const {
  return engine_->streams.size();
}

bool H2Session::settings_received() const {
  return engine_->settings_received;
}

bool H2Session::other_side_takes_connect() const {
  return engine_->library.connect_protocol();
}

void H2Session::resume(H2StreamId stream) {
  engine_->library.resume(stream);
}

void H2Session::hurry(H2StreamId id) {
  auto* const stream = engine_->find(id);
  if (stream == nullptr) return;
  stream->hurried = true;
  resume(id);
}

void H2Session::consume(H2StreamId id, std::size_t bytes) {
  auto* const stream = engine_->library.find(id);
  if (stream == nullptr) return;
  DRAWBRIDGE_CHECK(bytes <= stream->outstanding);
  stream->outstanding -= bytes;
  engine_->library.consume_of_stream(id, bytes);
  engine_->dealt_with(bytes);
  engine_->widen(*stream, bytes);
}

void H2Session::end_early(H2StreamId id, std::string_view trailers) {
  auto* const stream = engine_->find(id);
  if (stream == nullptr || stream->dead || std::exchange(stream->ended_early, true)) return;
  engine_->library.submit_trailers(id, trailers);
}

void H2Session::reset(H2StreamId id, H2Code code) {
  auto* const stream = engine_->find(id);
  if (stream == nullptr || stream->dead) return;
  stream->reset_by_user = true;
  engine_->library.submit_reset(id, code);
}

bool H2Session::unsent(H2StreamId id) const {
  return !engine_->is_server() && engine_->library.find(id) == nullptr;
}

void H2Session::abandon(H2StreamId id, H2Code code) {
  auto* const stream = engine_->find(id);
  if (stream == nullptr) return;
  reset(id, code);
  stream->dead = true;
  stream->user = nullptr;
  engine_->forget(*stream);
}

void H2Session::begin_shutdown() {
  if (!engine_->is_server()) return end_shutdown();
  engine_->library.announce_goaway();
  engine_->library.submit_ping(H2Engine::shutdown_token);
}

void H2Session::end_shutdown() {
  if (!std::exchange(engine_->ending, true)) engine_->library.submit_goaway();
}

void H2Session::terminate(H2Code code) {
  engine_->ending = true;
  engine_->library.terminate(code);
}

void H2Session::ping(std::uint64_t token) {
  engine_->library.submit_ping(token);
}

}  // namespace drawbridge::http
