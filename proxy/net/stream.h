#pragma once

#include "proxy/base/check.h"
#include "proxy/base/failure.h"
#include "proxy/net/fine_heap.h"
#include "proxy/net/loop.h"
#include "proxy/net/pipe.h"
#include "proxy/net/tls.h"
#include "proxy/net/unique_fd.h"

#include <array>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <sys/uio.h>
#include <variant>

namespace drawbridge::net {

// A connected byte stream with deadlines, plain or TLS: one reader and one writer may wait at a time. Non-blocking
// and edge-triggered: a read that the kernel has nothing for costs no system call, since readability is remembered.
// With TLS all is said of the plain bytes: nothing is readable before the handshake is done, an end without
// close_notify is a reset, and no room is needed to read.
// Failures carry the side this stream is (client or upstream). Loop thread only; owned by its user, not moved.
class Stream final : public Fine, private Deadline::Owner, public Watcher {
 public:
  using Fault = base::Fault;
  using SteadyTime = base::SteadyTime;
  template <class T>
  using Result = base::Result<T>;

  enum class Start : std::uint8_t { connected, connecting, accepted };

  // `fd` is non-blocking. While it is connecting, the first write waits for that and fails if it fails; a write of
  // nothing waits only. What was just accepted, and speaks in plain, may have come and gone before anything on it
  // has to be waited for: the loop watches it from the first wait on, or else from two ticks of the wheel at most,
  // and that late somebody may hear of a hang-up or a reset.
  Stream(Loop& loop, UniqueFd fd, Fault side, Start start = Start::connected);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Speaks TLS from here on; before the first read. What was written before went out in plain. The handshake goes
  // on by itself, whoever waits, once there was a read or a write; not done by `handshake_until`, it ends whoever
  // waits with timed_out, and refused, with the reason handshake.
  void secure(TlsSession session, SteadyTime handshake_until);
  bool is_secure() const { return secure_ != nullptr; }
  // What was agreed on, once something was readable or written; nothing on a plain stream.
  TlsFacts tls() const { return secure_ ? secure_->tls.facts() : TlsFacts{}; }
  std::string_view tls_server_name() const { return secure_ ? secure_->tls.server_name() : std::string_view{}; }
  std::optional<std::string_view> tls_client_subject() const {
    return secure_ ? secure_->tls.client_subject() : std::nullopt;
  }
  // The TlsServer or TlsClient that it was made by; null: plain.
  const void* tls_maker() const { return secure_ ? secure_->tls.maker() : nullptr; }
  // It failed because the client speaks HTTP without it.
  bool met_plain_http() const { return secure_ && secure_->tls.met_plain_http(); }
  // In words, why TLS failed; empty if it did not.
  std::string tls_error() const;

  class Read;
  class Readable;
  class Write;

  // Some bytes into `into`; 0 at the end of the stream. Fails with timed_out at `deadline`; the stream stays
  // usable.
  Read read_some(std::span<char> into, SteadyTime deadline);

  // Waits until a read would not wait (data, end or error), reading nothing.
  Readable readable(SteadyTime deadline);

  // The loop tells when something comes.
  bool is_watched() const { return watched_; }

  // False if a read would wait. Costs a system call only where something may have come that was not read.
  bool would_read() { return broken_ || (secure_ ? input_waits() : readable_ && has_input()); }

  // Instead of readable(), for a connection on which no task waits: tells once that a read would not wait any more,
  // or why nothing is to be read, `deadline` included. Not while a read would not wait; ends with the stream.
  class Rest {
   public:
    // From within the loop's event: go on later in the turn. The stream must not end here.
    virtual void stirred(Result<void> result) = 0;

   protected:
    ~Rest() = default;
  };
  void rest(Rest& listener, SteadyTime deadline);

  // Writes all of `parts` (at most parts_max; empty ones are fine). `patience` bounds the time in which the peer
  // takes nothing; where there is none, to take a little does not help. On failure bytes_written() tells how far it
  // came; with TLS it counts what may have left.
  static constexpr std::size_t parts_max = 12;
  Write write(std::span<const std::string_view> parts, base::Millis patience);

  // As much of `part` as the kernel takes at once; the rest, perhaps all, is for write(). Costs less than a write.
  Result<std::size_t> write_now(std::string_view part);

  // Through a pipe, without a copy: up to `bytes` into it, all of `bytes` out of it. Plain streams.
  Read read_into(const Pipe& pipe, std::size_t bytes, SteadyTime deadline);
  Write write_from(const Pipe& pipe, std::size_t bytes, base::Millis patience);

  // What is written from now on may wait for the end, which must follow at once: finish(), shutdown_send() or the
  // end of this stream. The end then leaves with the last bytes and not as a packet of its own.
  void end_follows() { end_follows_ = true; }

  // Ends whoever waits, now and from now on, with this failure. The descriptor stays open.
  void cancel(base::Reason reason) { cancel(failure(reason)); }
  void cancel(base::Failure failure);
  bool cancelled() const { return broken_.has_value(); }

  // Told once when nothing can be read or written any more; at once if that has come already. Null: nobody.
  class Reset {
   public:
    virtual void was_reset(base::Failure failure) = 0;

   protected:
    ~Reset() = default;
  };
  void on_reset(Reset* listener);

  // False if the loop has seen something that may not have been read. Costs nothing; may be a turn late.
  bool quiet() const { return !readable_ && !peer_finished_; }
  // Nothing was to be read when this turn began, nor had the peer finished. Costs nothing; a false tells nothing.
  // Plain streams.
  bool was_quiet() const {
    return watched_ && !secure_ && quiet() && read_in_turn_ != loop_.turns() && loop_.has_told_all(*this);
  }
  // How many bytes a read would find now, and what they are, as far as there is room: they stay there. Plain
  // streams.
  std::size_t peek(std::span<char> into);
  // Gives the descriptor away; nobody waits, and nothing may be done here any more.
  UniqueFd release();
  // True if bytes, an end or an error wait to be read; who waits for them is told. Asks the kernel, reads nothing.
  bool has_input();

  // Told once when the peer has closed its half, reset the connection, or the stream was cancelled: for waits that
  // read nothing. Told at once, in a later turn's place, if that has happened already.
  class Hangup {
   public:
    virtual void hung_up() = 0;

   protected:
    ~Hangup() = default;
  };
  void on_hangup(Hangup* listener);

  // Ends who waits to read with timed_out, as if the deadline had come. Nothing happens if nobody waits.
  void interrupt_read();

  // Says that nothing follows. finish() waits for room to say so, which only TLS needs; shutdown_send() says it as
  // far as there is room, so that a client that is slow to read may take the end of a body for a truncated one.
  Write finish(base::Millis patience);
  void shutdown_send();
  // Closes so that the peer sees a reset: for answers that must not look complete.
  void abort();

  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_written() const { return bytes_written_; }
  int fd() const { return fd_.get(); }
  Loop& loop() const { return loop_; }

 private:
  friend class Read;
  friend class Readable;
  friend class Write;

  struct Secure final : Fine, TlsWire {
    Secure(TlsSession session, Stream& of) : stream(of), tls(std::move(session), *this) {}
    ssize_t receive(std::span<char> into) override;
    ssize_t send(std::span<const char> bytes) override;

    Stream& stream;
    Tls tls;
    std::unique_ptr<Deadline> handshake_deadline;  // until the handshake is done
  };

  void watch();
  bool shake_hands();  // true: done
  bool input_waits();
  base::Failure tls_failure() const;
  void wake_reader();
  void stir(Result<void> result);
  void end_awaiting(base::Failure failure);
  void wake_writer();
  void writer_ends();

  std::size_t queued() const;  // sent, and not acknowledged by the peer
  void tell_hangup();
  void on_events(std::uint32_t events) override;
  void deadline_passed(Deadline& deadline) override;
  base::Failure failure(base::Reason reason) const { return {.fault = side_, .reason = reason}; }

  template <class Waiter>
  Waiter* awaiting() const {
    auto* const* there = std::get_if<Waiter*>(&awaits_input_);
    return there != nullptr ? *there : nullptr;
  }
  template <class Waiter>
  void await_input(Waiter& waiter, SteadyTime deadline) {
    DRAWBRIDGE_CHECK(awaits_input_.index() == 0);
    watch();
    awaits_input_ = &waiter;
    read_deadline_.arm(deadline);
  }

  // Thousands of connections rest: in an order without gaps.
  Fault side_;
  bool readable_ = false;  // a read may find something
  bool writable_;          // a write may find room
  bool connecting_;
  bool end_follows_ = false;
  bool peer_finished_ = false;  // FIN, hang-up or error seen by epoll: reading goes on until it shows
  bool reset_ = false;          // nothing can be read or written any more
  bool watched_ = false;        // by the loop; until then the deadline for reads is the one for that
  UniqueFd fd_;
  std::optional<base::Failure> broken_;
  Loop& loop_;
  std::variant<std::monostate, Read*, Readable*, Rest*> awaits_input_;
  Write* writer_ = nullptr;
  Hangup* hangup_ = nullptr;
  Reset* on_reset_ = nullptr;
  Deadline read_deadline_;
  std::unique_ptr<Deadline> write_deadline_;  // while there is a writer
  std::unique_ptr<Secure> secure_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t read_in_turn_ = 0;
};

class [[nodiscard]] Stream::Read {
 public:
  bool await_ready() { return stream_.broken_ ? (result_ = std::unexpected(*stream_.broken_), true) : attempt(); }
  void await_suspend(std::coroutine_handle<> waiter);
  Result<std::size_t> await_resume() { return result_; }

 private:
  friend class Stream;
  Read(Stream& stream, std::span<char> into, SteadyTime deadline)
      : stream_(stream), into_(into), deadline_(deadline) {}
  bool attempt();  // true: `result_` is set
  ssize_t receive(std::size_t wanted) const;
  bool attempt_tls();
  void finish(base::Failure failure);

  Stream& stream_;
  std::span<char> into_;
  const Pipe* pipe_ = nullptr;  // then it is read into this,
  std::size_t pipe_bytes_ = 0;  // up to so many
  SteadyTime deadline_;
  std::coroutine_handle<> waiter_;
  Result<std::size_t> result_ = 0;
};

class [[nodiscard]] Stream::Readable {
 public:
  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiter);
  Result<void> await_resume() { return result_; }

 private:
  friend class Stream;
  Readable(Stream& stream, SteadyTime deadline) : stream_(stream), deadline_(deadline) {}
  void finish(Result<void> result);

  Stream& stream_;
  SteadyTime deadline_;
  std::coroutine_handle<> waiter_;
  Result<void> result_;
};

class [[nodiscard]] Stream::Write {
 public:
  bool await_ready() { return stream_.broken_ ? (result_ = std::unexpected(*stream_.broken_), true) : attempt(); }
  void await_suspend(std::coroutine_handle<> waiter);
  Result<void> await_resume() { return result_; }

 private:
  friend class Stream;
  Write(Stream& stream, std::span<const std::string_view> parts, base::Millis patience, bool then_finish = false);
  bool attempt();  // true: `result_` is set
  bool attempt_tls();
  bool wait_for_room();
  bool is_patient() const { return patience_ > base::Millis(0); }
  void be_patient();
  bool peer_took() const;  // of what is sent, since the patience began
  ssize_t send();
  bool done();
  bool connect_failed();
  void consume(std::size_t bytes);
  void finish(base::Failure failure);

  Stream& stream_;
  std::array<iovec, parts_max> parts_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  const Pipe* pipe_ = nullptr;  // after the parts so many bytes of it
  std::size_t pipe_bytes_ = 0;
  base::Millis patience_;
  std::size_t queued_ = 0;  // when it began
  bool then_finish_ = false;
  std::coroutine_handle<> waiter_;
  Result<void> result_;
};

}  // namespace drawbridge::net
