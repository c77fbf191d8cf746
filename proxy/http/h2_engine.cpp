#include "proxy/http/h2_engine.h"

#include "proxy/base/check.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace drawbridge::http {
namespace {

constexpr std::size_t field_overhead = 32;  // RFC 9113 section 6.5.2

// What a frame counts as, if it may come only so often.
std::optional<H2Excess> excess_of(const H2Frame& frame) {
  const bool acknowledges = (frame.flags & 1U) != 0;
  switch (frame.type) {
    case H2Frame::Type::continuation:
      return H2Excess::continuations;
    case H2Frame::Type::rst_stream:
      return H2Excess::resets;
    case H2Frame::Type::settings:
      return acknowledges ? std::nullopt : std::optional(H2Excess::settings);
    case H2Frame::Type::ping:
      return acknowledges ? std::nullopt : std::optional(H2Excess::pings);
    case H2Frame::Type::priority:
      return H2Excess::priorities;
    case H2Frame::Type::other:
      return H2Excess::other_frames;
    case H2Frame::Type::data:
    case H2Frame::Type::headers:
    case H2Frame::Type::push_promise:
    case H2Frame::Type::goaway:
    case H2Frame::Type::window_update:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

// The library does not know a request before its head has left.
H2Stream* H2Engine::find(H2StreamId id) {
  if (auto* const stream = library.find(id); stream != nullptr || is_server()) return stream;
  const auto found = std::find_if(streams.begin(), streams.end(), [&](const auto& s) { return s.id == id; });
  return found != streams.end() ? &*found : nullptr;
}

H2Stream& H2Engine::add_stream(H2StreamUser& user) {
  auto* stream = new H2Stream;
  stream->user = &user;
  stream->window = options.stream_window_bytes;
  streams.push_back(*stream);
  return *stream;
}

void H2Engine::forget(H2Stream& stream) {
  if (reading == &stream) reading = nullptr;
}

void H2Engine::close(H2Stream& stream, const H2Close& close) {
  auto* const user = stream.user;
  widened -= stream.window - options.stream_window_bytes;
  forget(stream);
  streams.erase_and_dispose(streams.iterator_to(stream), std::default_delete<H2Stream>());
  if (user != nullptr) user->on_closed(close);
}

void H2Engine::fail(H2Stream& stream, std::string_view rule) {
  stream.dead = true;
  stream.rule = rule;
  library.submit_reset(stream.id, H2Code::protocol_error);
}

bool H2Engine::abuse(H2Excess excess) {
  broken = true;
  library.terminate(H2Code::enhance_your_calm);
  listener.on_abuse(h2_bounds[static_cast<std::size_t>(excess)]);
  return false;
}

bool H2Engine::spend(H2Excess excess, std::uint32_t tokens) {
  return broken || budget.spend(excess, now, tokens) || abuse(excess);
}

// Each frame is judged when all before it has had its effect, and before it has any.
bool H2Engine::receive(std::span<const char> bytes) {
  std::size_t given = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    bool found = false;
    at += scanner.scan(bytes.subspan(at), found);
    if (!library.receive(bytes.subspan(given, at - given))) return false;
    given = at;
    if (!found) continue;
    const auto judgment = judge(scanner.frame());
    if (judgment == Judgment::over) return false;
    if (judgment == Judgment::amended) {
      const char other = static_cast<char>(bytes[at] ^ 1);
      if (!library.receive({&other, 1})) return false;
      given = at + 1;
    }
    ++at;
  }
  return library.receive(bytes.subspan(given));
}

// The library takes some errors of a stream for errors of the connection. It is shown the frame with another last
// bit in what makes the error, which means nothing to a stream that is being reset.
H2Engine::Judgment H2Engine::judge(const H2Frame& frame) {
  if (const auto excess = excess_of(frame); excess && !spend(*excess)) return Judgment::over;
  switch (frame.type) {
    case H2Frame::Type::headers:
      return judge_headers(frame);
    case H2Frame::Type::data:
      return !is_server() || judge_stray(frame.stream) ? Judgment::good : Judgment::over;
    case H2Frame::Type::push_promise:
      budget.new_block();
      return Judgment::good;
    case H2Frame::Type::priority:
      return judge_priority(frame);
    case H2Frame::Type::window_update:
      return judge_window_update(frame);
    default:
      return Judgment::good;
  }
}

H2Engine::Judgment H2Engine::judge_headers(const H2Frame& frame) {
  budget.new_block();
  depends_on_itself = frame.word == frame.stream && frame.stream != 0;
  if (is_server() && !judge_stray(frame.stream)) return Judgment::over;
  return depends_on_itself ? Judgment::amended : Judgment::good;
}

// The library does not look at what we do not use. What is to be said of its form is in RFC 9113 section 6.3; that
// a stream does not depend on itself, in RFC 7540 section 5.3.1. One that is not open cannot be reset.
H2Engine::Judgment H2Engine::judge_priority(const H2Frame& frame) {
  constexpr std::uint32_t priority_bytes = 5;
  if (frame.length != priority_bytes) return end(H2Code::frame_size_error);
  if (frame.stream == 0) return end(H2Code::protocol_error);
  if (frame.word != frame.stream) return Judgment::good;
  auto* const stream = library.find(frame.stream);
  if (stream == nullptr) return end(H2Code::protocol_error);
  if (!stream->dead) fail(*stream, refuse(Rule::h2_message).rule);
  return Judgment::amended;
}

// RFC 9113 section 6.9: by 0, an error of the stream.
H2Engine::Judgment H2Engine::judge_window_update(const H2Frame& frame) {
  auto* const stream = frame.word == 0U ? library.find(frame.stream) : nullptr;
  if (stream == nullptr) return Judgment::good;
  if (!stream->dead) fail(*stream, refuse(Rule::h2_message).rule);
  return Judgment::amended;
}

H2Engine::Judgment H2Engine::end(H2Code code) {
  library.terminate(code);
  return Judgment::over;
}

// The library ignores what comes for a stream that is over, as it may have crossed our RST_STREAM.
bool H2Engine::judge_stray(H2StreamId id) {
  if (id == 0 || id % 2 == 0 || library.find(id) != nullptr) return true;
  switch (strays.judge(id)) {
    case H2Strays::Kind::unopened:
    case H2Strays::Kind::late:
      return true;
    case H2Strays::Kind::reset:
      library.submit_reset(id, H2Code::stream_closed);
      return true;
    case H2Strays::Kind::skipped:
      library.terminate(H2Code::protocol_error);
      return false;
    case H2Strays::Kind::closed:
      library.terminate(H2Code::stream_closed);
      return false;
  }
  return true;
}

void H2Engine::block_begins(H2StreamId id, bool opens) {
  if (!reader) reader = std::make_unique<H2HeadReader>();
  if (opens) return open(id);
  reading = library.find(id);
  if (reading != nullptr && depends_on_itself && !reading->dead) fail(*reading, refuse(Rule::h2_message).rule);
  if (reading != nullptr && reading->dead) reading = nullptr;
  if (reading == nullptr) return;
  if (reading->head_seen) return reader->begin_trailers();
  reader->begin_response(reading->user->on_head_room(), options.heads);
}

void H2Engine::open(H2StreamId id) {
  reading = nullptr;
  strays.opened(id);
  if (depends_on_itself) return decline(id, H2Code::protocol_error);
  // Our last GOAWAY leaves it out, though it may not have left yet: its client may send it again elsewhere.
  if (ending) return decline(id, H2Code::refused_stream);
  auto* const user = streams.size() < options.concurrent_streams_max ? listener.on_open(id) : nullptr;
  if (user == nullptr) return decline(id, H2Code::refused_stream);
  auto& stream = add_stream(*user);
  stream.id = id;
  library.attach(id, &stream);
  reading = &stream;
  reader->begin_request(user->on_head_room(), options.heads);
}

// Its body may be here before our RST_STREAM has left.
void H2Engine::decline(H2StreamId id, H2Code code) {
  strays.reset(id, true);
  library.submit_reset(id, code);
}

bool H2Engine::field(std::string_view name, std::string_view value) {
  const auto bytes = name.size() + value.size() + field_overhead;
  if (!spend(H2Excess::head_bytes, static_cast<std::uint32_t>(bytes))) return false;
  if (reading != nullptr) reader->add(name, value);
  return true;
}

void H2Engine::block_ends(H2StreamId id, bool ended) {
  auto* const stream = std::exchange(reading, nullptr);
  if (stream == nullptr || stream->id != id) return;
  stream->head_seen ? finish_trailers(*stream, ended) : finish_head(*stream, ended);
}

void H2Engine::finish_head(H2Stream& stream, bool ended) {
  const auto verdict = is_server() ? reader->end_request(ended) : reader->end_response(stream.asked, ended);
  stream.head_seen = is_server() || !reader->interim();
  switch (verdict.kind) {
    case H2HeadReader::Verdict::Kind::taken:
      return stream.user->on_head(ended);
    case H2HeadReader::Verdict::Kind::refused:
      if (is_server()) return stream.user->on_refused(refuse(verdict.rule), ended);
      break;  // a server's head that is more than we take
    case H2HeadReader::Verdict::Kind::malformed:
      break;
  }
  fail(stream, refuse(verdict.rule).rule);
}

void H2Engine::finish_trailers(H2Stream& stream, bool ended) {
  const auto verdict = reader->end_trailers();
  if (verdict.kind != H2HeadReader::Verdict::Kind::taken) return fail(stream, refuse(verdict.rule).rule);
  if (ended) stream.user->on_end(reader->trailers());
}

void H2Engine::data(H2StreamId id, std::span<const char> data) {
  auto* const stream = library.find(id);
  if (stream == nullptr || stream->dead) {
    library.consume_of_stream(id, data.size());
    return library.consume_of_connection(data.size());
  }
  stream->outstanding += data.size();
  waiting += data.size();
  stream->user->on_data(data);
}

bool H2Engine::data_frame_ends(H2StreamId id, bool ended, bool empty) {
  if (empty && !ended && !spend(H2Excess::empty_frames)) return false;
  auto* const stream = library.find(id);
  if (ended && stream != nullptr && !stream->dead) stream->user->on_end({});
  return true;
}

// The library judges messages too, and where it finds a fault we would find one: ours has the better name.
void H2Engine::frame_invalid(H2Frame::Type type, H2StreamId id) {
  auto* const stream = library.find(id);
  if (stream == nullptr || stream->dead) return;
  const bool block = std::exchange(reading, nullptr) == stream;
  const auto verdict = block ? reader->end_trailers() : H2HeadReader::Verdict{};
  const bool named = verdict.kind == H2HeadReader::Verdict::Kind::malformed;
  const auto other = type == H2Frame::Type::data ? Rule::h2_length : Rule::h2_message;
  stream->rule = refuse(named ? verdict.rule : other).rule;
  stream->dead = true;
}

void H2Engine::reset_received(H2StreamId id) {
  if (is_server()) strays.reset(id, false);
  if (auto* const stream = library.find(id)) stream->reset_received = true;
}

void H2Engine::goaway_received(H2StreamId last_stream, H2Code code) {
  goaway = true;
  goaway_last = last_stream;
  listener.on_goaway(last_stream, code);
}

void H2Engine::pong_received(std::uint64_t token) {
  if (token != shutdown_token) return listener.on_pong(token);
  if (!std::exchange(ending, true)) library.submit_goaway();
}

void H2Engine::head_sent(H2StreamId id) {
  if (auto* const stream = library.find(id)) stream->sent = true;
}

// A reset that an error of the client's called for counts like one of its own: it costs us the same. A window that
// goes beyond its bound without a WINDOW_UPDATE has done so by SETTINGS, and then the connection is in error (RFC
// 9113 section 6.9.2), or by DATA beyond it.
void H2Engine::reset_sent(H2StreamId id, H2Code code) {
  if (!is_server()) return;
  strays.reset(id, true);
  auto* const stream = library.find(id);
  if (stream != nullptr && stream->reset_by_user) return;
  if (code == H2Code::flow_control_error && (stream == nullptr || !stream->dead)) return library.terminate(code);
  spend(H2Excess::resets);
}

void H2Engine::stream_closed(H2StreamId id, H2Code code) {
  auto* const stream = library.find(id);
  if (stream == nullptr) return;
  dealt_with(stream->outstanding);
  // Of DATA that is more or less than was announced the library only shows that it has reset the stream.
  const bool reset_unasked = code == H2Code::protocol_error && !stream->reset_by_user && !stream->reset_received;
  if (reset_unasked && stream->rule.empty()) stream->rule = refuse(Rule::h2_length).rule;
  const bool left_out = !is_server() && goaway && id > goaway_last;
  const bool by_other_side = stream->reset_received || left_out;
  close(*stream, {.code = code,
                  .by_other_side = by_other_side,
                  .not_processed = !is_server() &&
                                   (!stream->sent || left_out || (by_other_side && code == H2Code::refused_stream)),
                  .rule = stream->rule});
}

}  // namespace drawbridge::http
