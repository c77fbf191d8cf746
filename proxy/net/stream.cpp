#include "proxy/net/stream.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <utility>

namespace drawbridge::net {

namespace {

constexpr std::size_t taken_bytes_min = 2 * 1024;  // while the patience lasts: who takes less is silent

}  // namespace

Stream::Stream(Loop& loop, UniqueFd fd, Fault side, Start start)
    : side_(side),
      writable_(start != Start::connecting),
      connecting_(start == Start::connecting),
      fd_(std::move(fd)),
      loop_(loop),
      read_deadline_(loop.wheel(), *this) {
  readable_ = start == Start::accepted;
  if (readable_) {
    read_deadline_.arm(loop_.now() + Wheel::tick);
  } else {
    watch();
  }
}

// A connection for each request costs 7 % less where the loop need not be told of it and of its end.
void Stream::watch() {
  if (!std::exchange(watched_, true)) loop_.watch(fd_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, *this);
}

Stream::~Stream() {
  DRAWBRIDGE_CHECK(awaiting<Read>() == nullptr && awaiting<Readable>() == nullptr && writer_ == nullptr);
  loop_.forget(*this);
}

Stream::Read Stream::read_some(std::span<char> into, SteadyTime deadline) {
  return {*this, into, deadline};
}
Stream::Readable Stream::readable(SteadyTime deadline) {
  return {*this, deadline};
}
Stream::Write Stream::write(std::span<const std::string_view> parts, base::Millis patience) {
  return {*this, parts, patience};
}

Stream::Result<std::size_t> Stream::write_now(std::string_view part) {
  if (broken_ || secure_ || connecting_ || !writable_) return 0;
  const auto wanted = std::min(part.size(), loop_.io_bytes_max());
  const auto sent = ::send(fd_.get(), part.data(), wanted, MSG_NOSIGNAL | (end_follows_ ? MSG_MORE : 0));
  if (sent >= 0) {
    bytes_written_ += static_cast<std::size_t>(sent);
    return static_cast<std::size_t>(sent);
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) writable_ = false;
  if (!writable_ || errno == EINTR) return 0;
  return std::unexpected(base::os_failure(side_, errno));
}

Stream::Read Stream::read_into(const Pipe& pipe, std::size_t bytes, SteadyTime deadline) {
  Read read(*this, {}, deadline);
  read.pipe_ = &pipe;
  read.pipe_bytes_ = bytes;
  return read;
}

Stream::Write Stream::write_from(const Pipe& pipe, std::size_t bytes, base::Millis patience) {
  Write write(*this, {}, patience);
  write.pipe_ = &pipe;
  write.pipe_bytes_ = bytes;
  return write;
}

Stream::Write Stream::finish(base::Millis patience) {
  return {*this, {}, patience, true};
}

void Stream::on_hangup(Hangup* listener) {
  hangup_ = listener;
  if (peer_finished_ || broken_) tell_hangup();
}

void Stream::tell_hangup() {
  if (hangup_ != nullptr) std::exchange(hangup_, nullptr)->hung_up();
}

void Stream::on_events(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    peer_finished_ = true;
    tell_hangup();
  }
  const bool input = (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  const bool room = (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
  readable_ = readable_ || input;
  writable_ = writable_ || room;
  const bool shaking = secure_ && !secure_->tls.established() && !connecting_;
  const bool shaken = shaking && shake_hands();
  if (!shaking || shaken) {
    if (input || shaken) wake_reader();
    if (room || shaken) wake_writer();
  }
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    reset_ = true;
    on_reset(on_reset_);
  }
}

// An attempt may find that the handshake has failed, which ends all waits, its own included.
void Stream::wake_reader() {
  if (auto* read = awaiting<Read>(); read != nullptr && read->attempt() && awaiting<Read>() == read) {
    loop_.ready(read->waiter_);
    awaits_input_ = {};
  }
  if (auto* watcher = awaiting<Readable>(); watcher != nullptr && input_waits()) watcher->finish({});
  if (awaiting<Rest>() != nullptr && input_waits()) stir({});
}

void Stream::rest(Rest& listener, SteadyTime deadline) {
  await_input(listener, deadline);
}

void Stream::stir(Result<void> result) {
  auto* const resting = awaiting<Rest>();
  if (resting == nullptr) return;
  awaits_input_ = {};
  resting->stirred(result);
}

void Stream::wake_writer() {
  if (auto* write = writer_; write != nullptr) {
    if (!write->attempt() || writer_ != write) return;
    loop_.ready(write->waiter_);
    writer_ends();
  } else if (secure_) {
    secure_->tls.flush();  // what a read or a handshake had to say while there was no room
  }
}

void Stream::writer_ends() {
  writer_ = nullptr;
  write_deadline_.reset();
}

void Stream::deadline_passed(Deadline& deadline) {
  const auto late = failure(base::Reason::timed_out);
  if (&deadline == &read_deadline_) return watched_ ? end_awaiting(late) : watch();
  if (&deadline != write_deadline_.get()) return cancel(late);  // the handshake's
  const bool goes_on = writer_->is_patient() && writer_->peer_took();
  goes_on ? writer_->be_patient() : writer_->finish(late);
}

std::size_t Stream::queued() const {
  int bytes = 0;
  return ::ioctl(fd_.get(), SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

void Stream::on_reset(Reset* listener) {
  on_reset_ = listener;
  if (reset_ && on_reset_ != nullptr) std::exchange(on_reset_, nullptr)->was_reset(failure(base::Reason::reset));
}

void Stream::cancel(base::Failure failure) {
  if (broken_) return;
  broken_ = failure;
  end_awaiting(*broken_);
  if (writer_ != nullptr) writer_->finish(*broken_);
  tell_hangup();
}

// With TLS the look takes what is there off the socket, of which the loop then has nothing more to tell.
bool Stream::has_input() {
  char byte = 0;
  if (secure_) {
    readable_ = true;
    if (!input_waits()) return false;
    wake_reader();
    return true;
  }
  const auto got = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  readable_ = got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  return readable_;
}

void Stream::interrupt_read() {
  end_awaiting(failure(base::Reason::timed_out));
}

void Stream::end_awaiting(base::Failure failure) {
  if (auto* read = awaiting<Read>(); read != nullptr) read->finish(failure);
  if (auto* watcher = awaiting<Readable>(); watcher != nullptr) watcher->finish(std::unexpected(failure));
  stir(std::unexpected(failure));
}

void Stream::shutdown_send() {
  if (secure_) {
    secure_->tls.finish();
    secure_->tls.flush();
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

std::size_t Stream::peek(std::span<char> into) {
  const auto there = ::recv(fd_.get(), into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT);
  return there > 0 ? static_cast<std::size_t>(there) : 0;
}

UniqueFd Stream::release() {
  if (watched_) loop_.unwatch(fd_.get(), *this);
  return std::move(fd_);
}

void Stream::abort() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  cancel(base::Reason::cancelled);
}

// A read that fills less than asked has emptied the socket: the next one waits for an edge without trying, unless
// the peer has finished, for then no further edge need come. Into a pipe it may just have met the pipe's bounds.
bool Stream::Read::attempt() {
  auto& stream = stream_;
  if (stream.secure_) return attempt_tls();
  if (!stream.readable_) return false;
  const auto wanted = std::min(pipe_ == nullptr ? into_.size() : pipe_bytes_, stream.loop_.io_bytes_max());
  const auto got = receive(wanted);
  if (got >= 0) {
    const auto bytes = static_cast<std::size_t>(got);
    if (bytes < wanted && !stream.peer_finished_ && pipe_ == nullptr) stream.readable_ = false;
    stream.bytes_read_ += bytes;
    stream.read_in_turn_ = stream.loop_.turns();
    result_ = bytes;
    return true;
  }
  if (errno == EINTR) return attempt();
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    stream.readable_ = false;
    return false;
  }
  result_ = std::unexpected(base::os_failure(stream.side_, errno));
  return true;
}

ssize_t Stream::Read::receive(std::size_t wanted) const {
  const int fd = stream_.fd_.get();
  if (pipe_ == nullptr) return ::recv(fd, into_.data(), wanted, 0);
  return ::splice(fd, nullptr, pipe_->in(), nullptr, wanted, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

void Stream::Read::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  stream_.await_input(*this, deadline_);
}

void Stream::Read::finish(base::Failure failure) {
  result_ = std::unexpected(failure);
  stream_.awaits_input_ = {};
  stream_.loop_.ready(waiter_);
}

bool Stream::Readable::await_ready() {
  if (stream_.broken_) result_ = std::unexpected(*stream_.broken_);
  if (stream_.broken_ || !stream_.secure_) return stream_.broken_ || stream_.readable_;
  const bool ready = stream_.input_waits();
  if (stream_.broken_) result_ = std::unexpected(*stream_.broken_);
  return ready || stream_.broken_;
}

void Stream::Readable::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  stream_.await_input(*this, deadline_);
}

void Stream::Readable::finish(Result<void> result) {
  result_ = result;
  stream_.awaits_input_ = {};
  stream_.loop_.ready(waiter_);
}

Stream::Write::Write(Stream& stream, std::span<const std::string_view> parts, base::Millis patience,
                     bool then_finish)
    : stream_(stream), patience_(patience), then_finish_(then_finish) {
  DRAWBRIDGE_CHECK(parts.size() <= parts_max);
  for (const auto part : parts) {
    if (!part.empty()) parts_[count_++] = {.iov_base = const_cast<char*>(part.data()), .iov_len = part.size()};
  }
}

bool Stream::Write::connect_failed() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(stream_.fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  stream_.connecting_ = false;
  if (error != 0) result_ = std::unexpected(base::os_failure(stream_.side_, error));
  return error != 0;
}

bool Stream::Write::attempt() {
  if (stream_.connecting_) {
    if (!stream_.writable_) return false;
    if (connect_failed()) return true;
  }
  if (stream_.secure_) return attempt_tls();
  while (first_ < count_ || pipe_bytes_ > 0) {
    if (!stream_.writable_) return false;
    const auto sent = send();
    if (sent >= 0) {
      consume(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      stream_.writable_ = false;
      return wait_for_room();
    }
    result_ = std::unexpected(base::os_failure(stream_.side_, errno));
    return true;
  }
  return done();
}

// One call takes all parts, unless a test limits it. What is in one part is cheaper to send without a list of them.
ssize_t Stream::Write::send() {
  const auto bytes_max = stream_.loop_.io_bytes_max();
  if (first_ == count_) {
    const auto wanted = std::min(pipe_bytes_, bytes_max);
    return ::splice(pipe_->out(), nullptr, stream_.fd_.get(), nullptr, wanted, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  }
  const bool whole = bytes_max == static_cast<std::size_t>(-1);
  const int flags = MSG_NOSIGNAL | (stream_.end_follows_ ? MSG_MORE : 0);
  const auto& part = parts_[first_];
  if (!whole || count_ - first_ == 1) {
    return ::send(stream_.fd_.get(), part.iov_base, std::min(part.iov_len, bytes_max), flags);
  }
  msghdr message{};
  message.msg_iov = &parts_[first_];
  message.msg_iovlen = count_ - first_;
  return ::sendmsg(stream_.fd_.get(), &message, flags);
}

bool Stream::Write::wait_for_room() {
  if (stream_.writer_ == this && is_patient()) be_patient();
  return false;
}

void Stream::Write::be_patient() {
  queued_ = stream_.queued();
  stream_.write_deadline_->arm(stream_.loop_.now() + patience_);
}

// The kernel tells of room only when a good part of its buffer is free, and the buffer may hold megabytes: a slow
// peer can take from it for long without a word.
bool Stream::Write::peer_took() const {
  return queued_ >= stream_.queued() + taken_bytes_min;
}

bool Stream::Write::done() {
  if (then_finish_) ::shutdown(stream_.fd_.get(), SHUT_WR);
  return true;
}

void Stream::Write::consume(std::size_t bytes) {
  stream_.bytes_written_ += bytes;
  if (first_ == count_) pipe_bytes_ -= bytes;
  while (bytes > 0 && first_ < count_) {
    auto& part = parts_[first_];
    const auto taken = std::min(bytes, part.iov_len);
    part.iov_base = static_cast<char*>(part.iov_base) + taken;
    part.iov_len -= taken;
    bytes -= taken;
    if (part.iov_len == 0) ++first_;
  }
}

void Stream::Write::await_suspend(std::coroutine_handle<> waiter) {
  DRAWBRIDGE_CHECK(stream_.writer_ == nullptr);
  stream_.watch();
  waiter_ = waiter;
  stream_.writer_ = this;
  Deadline::Owner& owner = stream_;
  stream_.write_deadline_ = std::make_unique<Deadline>(stream_.loop_.wheel(), owner);
  be_patient();
}

void Stream::Write::finish(base::Failure failure) {
  result_ = std::unexpected(failure);
  stream_.writer_ends();
  stream_.loop_.ready(waiter_);
}

}  // namespace drawbridge::net
