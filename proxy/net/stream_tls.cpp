#include "proxy/net/stream.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

// The part of a Stream that knows of TLS: where plain streams call the kernel, these call Tls, which calls back.
namespace drawbridge::net {

void Stream::secure(TlsSession session, SteadyTime handshake_until) {
  DRAWBRIDGE_CHECK(!secure_ && bytes_read_ == 0);
  secure_ = std::make_unique<Secure>(std::move(session), *this);
  Deadline::Owner& self = *this;
  secure_->handshake_deadline = std::make_unique<Deadline>(loop_.wheel(), self);
  secure_->handshake_deadline->arm(handshake_until);
}

std::string Stream::tls_error() const {
  const bool failed = secure_ && broken_ && broken_->reason == base::Reason::handshake;
  return failed ? secure_->tls.error() : std::string{};
}

ssize_t Stream::Secure::receive(std::span<char> into) {
  errno = EAGAIN;
  if (!stream.readable_) return -1;
  const auto wanted = std::min(into.size(), stream.loop_.io_bytes_max());
  ssize_t got = -1;
  do got = ::recv(stream.fd(), into.data(), wanted, 0);
  while (got < 0 && errno == EINTR);
  const bool emptied = got < 0 ? errno == EAGAIN || errno == EWOULDBLOCK : static_cast<std::size_t>(got) < wanted;
  if (emptied && (got < 0 || !stream.peer_finished_)) stream.readable_ = false;
  return got;
}

ssize_t Stream::Secure::send(std::span<const char> bytes) {
  errno = EAGAIN;
  if (!stream.writable_) return -1;
  const auto size = std::min(bytes.size(), stream.loop_.io_bytes_max());
  ssize_t sent = -1;
  do sent = ::send(stream.fd(), bytes.data(), size, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) stream.writable_ = false;
  return sent;
}

base::Failure Stream::tls_failure() const {
  return {.fault = side_, .reason = secure_->tls.reason(), .os_error = secure_->tls.os_error()};
}

bool Stream::shake_hands() {
  auto& tls = secure_->tls;
  if (tls.established()) return true;
  if (broken_) return false;
  const auto state = tls.shake_hands();
  if (state == Tls::State::waits) return false;
  secure_->handshake_deadline.reset();
  if (state != Tls::State::done) cancel(tls_failure());
  return state == Tls::State::done;
}

// Whether a read would not wait. What is no plain byte (a ticket, a key update, half a record) is taken in.
bool Stream::input_waits() {
  if (!secure_) return readable_;
  if (!shake_hands()) return false;
  if (!readable_ && !secure_->tls.holds_input()) return false;
  return secure_->tls.peek() != Tls::State::waits;
}

bool Stream::Read::attempt_tls() {
  auto& stream = stream_;
  if (!stream.shake_hands()) {
    if (stream.broken_) result_ = std::unexpected(*stream.broken_);
    return stream.broken_.has_value();
  }
  auto& tls = stream.secure_->tls;
  if (!stream.readable_ && !tls.holds_input()) return false;
  const auto step = tls.read(into_.first(std::min(into_.size(), stream.loop_.io_bytes_max())));
  stream.bytes_read_ += step.bytes;
  switch (step.state) {
    case Tls::State::waits:
      return false;
    case Tls::State::done:
    case Tls::State::ended:
      result_ = step.bytes;
      return true;
    case Tls::State::failed:
      result_ = std::unexpected(stream.tls_failure());
      return true;
  }
  return false;
}

// A batch is sealed when the one before has left, so that at most one is kept here.
bool Stream::Write::attempt_tls() {
  if (!stream_.shake_hands()) {
    if (stream_.broken_) result_ = std::unexpected(*stream_.broken_);
    return stream_.broken_.has_value();
  }
  auto& tls = stream_.secure_->tls;
  for (;;) {
    auto state = tls.flush();
    if (state == Tls::State::waits) return wait_for_room();
    if (state == Tls::State::done && first_ == count_) {
      if (!then_finish_ || tls.finished()) return done();
      tls.finish();
      continue;
    }
    if (state == Tls::State::done) {
      const auto step = tls.seal({&parts_[first_], count_ - first_});
      state = step.state;
      consume(step.bytes);
    }
    if (state == Tls::State::done) continue;
    result_ = std::unexpected(stream_.tls_failure());
    return true;
  }
}

}  // namespace drawbridge::net
