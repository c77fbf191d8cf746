#pragma once

#include "proxy/base/failure.h"

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <sys/uio.h>

namespace drawbridge::net {

// The socket below TLS. Both return the bytes moved, or -1 with errno; EAGAIN: later. 0 read is the end.
class TlsWire {
 public:
  virtual ssize_t receive(std::span<char> into) = 0;
  virtual ssize_t send(std::span<const char> bytes) = 0;

 protected:
  ~TlsWire() = default;
};

// One side of a connection to be, made by TlsServer or TlsClient. `maker` keeps alive what its callbacks look at.
struct TlsSession {
  struct Free {
    void operator()(SSL* session) const;
  };
  std::unique_ptr<SSL, Free> ssl;
  std::shared_ptr<const void> maker;  // immutable; a reload replaces it while connections still use it
};

// What the two sides agreed on. Views live as long as the connection.
struct TlsFacts {
  std::string_view protocol;                       // ALPN: "h2" or "http/1.1"; empty: none
  std::string_view version;                        // "TLSv1.3"
  std::string_view cipher;                         // "TLS_AES_128_GCM_SHA256"
  std::string_view server_name;                    // SNI; empty: none
  std::optional<std::string_view> client_subject;  // of the verified certificate, RFC 4514; none was shown: none
  bool resumed = false;
};

// What the two sides of a handshake agreed to speak (ALPN); empty: nothing.
std::string_view protocol_of(const SSL& ssl);

// TLS of one connection: OpenSSL between plain bytes and a TlsWire. What it reads and writes goes through buffers
// that all connections of a thread share; what the wire does not take at once is kept here until flush(). So
// nothing here ever waits for room: only reading waits, for input. Loop thread only.
class Tls final {
 public:
  // The wire outlives this.
  Tls(TlsSession session, TlsWire& wire);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  enum class State : std::uint8_t {
    done,
    waits,   // for the wire: to read or, from flush(), to write
    ended,   // the other side has said that nothing follows (close_notify)
    failed,  // see failure() and error()
  };
  struct Step {
    State state = State::waits;
    std::size_t bytes = 0;
  };

  // As far as it gets with what the wire has.
  State shake_hands();
  bool established() const { return established_; }

  // Plain bytes into `into`, as many as can be had without waiting.
  Step read(std::span<char> into);
  // Whether read() would not wait, reading nothing: done, ended, failed, or waits.
  State peek();
  // Bytes of the wire were taken that read() has not looked at to their end.
  bool holds_input() const { return holds_input_; }

  // Encrypts up to `batch_bytes` from the front of `parts`; `bytes` says how many. Then flush() until it is done.
  Step seal(std::span<const iovec> parts);
  State flush();

  // Says once that nothing follows; flush() sends it.
  void finish();
  bool finished() const { return finished_; }

  TlsFacts facts() const;
  std::string_view server_name() const;
  std::optional<std::string_view> client_subject() const {
    return client_subject_ ? std::optional<std::string_view>(*client_subject_) : std::nullopt;
  }
  const void* maker() const { return session_.maker.get(); }
  // After State::failed: why, as a failure of whichever side this is, and in words.
  base::Reason reason() const { return reason_; }
  int os_error() const { return os_error_; }
  std::string error() const;
  // What came instead of a handshake was a request of plain HTTP. Nothing was said to it.
  bool met_plain_http() const;

 private:
  friend struct WireBio;

  void begin();
  ssize_t take(std::span<char> into);
  void give(std::span<const char> bytes);
  void keep(std::span<const char> bytes);
  State after(int result);  // of an OpenSSL call that did not succeed
  State fail(base::Reason reason);
  void hand_over();  // output of a call that may have answered by itself
  void keep_client_subject();

  // Sealed, and not taken by the wire.
  struct Pending {
    std::string bytes;
    std::size_t sent = 0;
    std::string_view left() const { return std::string_view(bytes).substr(sent); }
  };

  TlsSession session_;
  TlsWire& wire_;
  bool established_ = false;
  bool holds_input_ = false;
  bool wire_gave_all_ = false;  // as much as it was asked for: there may be more
  bool wire_ended_ = false;
  bool finished_ = false;
  base::Reason reason_ = base::Reason::handshake;
  int os_error_ = 0;
  std::uint32_t error_code_ = 0;
  std::unique_ptr<Pending> pending_;  // only while the socket is full
  std::unique_ptr<const std::string> client_subject_;
};

}  // namespace drawbridge::net
