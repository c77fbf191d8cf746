#include "proxy/net/tls.h"

#include "proxy/base/check.h"
#include "proxy/net/tls_names.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace drawbridge::net {
namespace {

// Plain bytes of one record: the most a record carries, less what any cipher adds, so that a batch of four fits
// where four blocks of 16 KiB do.
constexpr std::size_t record_bytes = 16 * 1024 - 128;
constexpr std::size_t records_per_batch = 4;
constexpr std::size_t out_bytes = 64 * 1024;

// It becomes a field of each request.
constexpr std::size_t subject_bytes_max = 512;

// Answers to a peer that takes none of them (key updates asked for again and again).
constexpr std::size_t pending_bytes_max = 4 * out_bytes;

// One send for several records: a record a system call costs a third more on bodies of 1 MiB. Between two calls of
// a Tls both are empty, so that the connections of a thread can share them.
struct Scratch {
  std::array<char, out_bytes> out;
  std::size_t out_used = 0;
  std::array<char, record_bytes> gathered;
};

thread_local Scratch scratch;

// The contents of the key; who holds it frees the rest. OpenSSL keeps those of the key exchange until the
// connection ends: a quarter of a KiB each, and what its secrets could be found from.
void empty(EVP_PKEY* key) {
  EVP_PKEY_set_type(key, EVP_PKEY_get_base_id(key));
  EVP_PKEY_free(key);
}

void forget_exchanged_keys(SSL& ssl) {
  EVP_PKEY* key = nullptr;
  for (const int whose : {SSL_CTRL_GET_TMP_KEY, SSL_CTRL_GET_PEER_TMP_KEY}) {
    if (SSL_ctrl(&ssl, whose, 0, static_cast<void*>(&key)) == 1) empty(key);
  }
  ERR_clear_error();
}

}  // namespace

// OpenSSL's view of the wire.
struct WireBio {
  static Tls& tls(BIO* bio) { return *static_cast<Tls*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    const auto got = tls(bio).take({into, static_cast<std::size_t>(size)});
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
    return static_cast<int>(got);
  }

  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    tls(bio).give({bytes, static_cast<std::size_t>(size)});
    return size;
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return tls(bio).wire_ended_ ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  // One for all connections of a thread: it knows nothing but who uses it, and a connection that rests would pay
  // 0.2 KiB for its own.
  static BIO* of_thread() {
    struct Own {
      BIO* bio = BIO_new(method());
      ~Own() { BIO_free(bio); }
    };
    static thread_local const Own own;
    DRAWBRIDGE_CHECK(own.bio != nullptr);
    return own.bio;
  }

 private:
  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      auto* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
      BIO_meth_set_read(fresh, read);
      BIO_meth_set_write(fresh, write);
      BIO_meth_set_ctrl(fresh, control);
      BIO_meth_set_create(fresh, create);
      return fresh;
    }();
    return made;
  }
};

void TlsSession::Free::operator()(SSL* session) const {
  SSL_free(session);
}

Tls::Tls(TlsSession session, TlsWire& wire) : session_(std::move(session)), wire_(wire) {
  auto* bio = WireBio::of_thread();
  BIO_up_ref(bio);
  SSL_set_bio(session_.ssl.get(), bio, bio);
}

// Before each call that may use the wire.
void Tls::begin() {
  if (ERR_peek_error() != 0) ERR_clear_error();
  BIO_set_data(SSL_get_rbio(session_.ssl.get()), this);
}

// A session must not outlive its usefulness in OpenSSL's eyes: one that ended without close_notify on our side is
// still good for another connection.
Tls::~Tls() {
  SSL_set_shutdown(session_.ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

ssize_t Tls::take(std::span<char> into) {
  const auto got = wire_.receive(into);
  if (got > 0) holds_input_ = true;
  wire_gave_all_ = got == static_cast<ssize_t>(into.size());
  if (got == 0) wire_ended_ = true;
  if (got < 0) os_error_ = errno;
  return got;
}

void Tls::give(std::span<const char> bytes) {
  if (scratch.out_used + bytes.size() > out_bytes || pending_) {
    keep({scratch.out.data(), std::exchange(scratch.out_used, 0)});
    keep(bytes);
    return;
  }
  std::memcpy(scratch.out.data() + scratch.out_used, bytes.data(), bytes.size());
  scratch.out_used += bytes.size();
}

void Tls::keep(std::span<const char> bytes) {
  if (!pending_) pending_ = std::make_unique<Pending>();
  pending_->bytes.append(bytes.data(), bytes.size());
}

Tls::State Tls::fail(base::Reason reason) {
  reason_ = reason;
  error_code_ = static_cast<std::uint32_t>(ERR_peek_error());
  ERR_clear_error();
  return State::failed;
}

// The end of the connection without close_notify may be the work of somebody in between: it is no end of a body.
Tls::State Tls::after(int result) {
  switch (SSL_get_error(session_.ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      holds_input_ = false;
      return State::waits;
    case SSL_ERROR_ZERO_RETURN:
      return State::ended;
    case SSL_ERROR_SYSCALL:
      return fail(base::os_failure({}, os_error_).reason);
    default:
      if (wire_ended_) return fail(base::Reason::reset);
      return fail(established_ ? base::Reason::malformed : base::Reason::handshake);
  }
}

void Tls::hand_over() {
  if (scratch.out_used > 0 || pending_) flush();
}

Tls::State Tls::shake_hands() {
  begin();
  const int result = SSL_do_handshake(session_.ssl.get());
  const auto state = result == 1 ? State::done : after(result);
  hand_over();
  if (state != State::done) return state;
  established_ = true;
  forget_exchanged_keys(*session_.ssl);
  holds_input_ = SSL_has_pending(session_.ssl.get()) == 1;
  keep_client_subject();
  const bool bounded = !client_subject_ || client_subject_->size() <= subject_bytes_max;
  return bounded ? state : fail(base::Reason::handshake);
}

void Tls::keep_client_subject() {
  const auto* ssl = session_.ssl.get();
  if (SSL_is_server(ssl) == 0 || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return;
  const auto* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return;
  client_subject_ = std::make_unique<const std::string>(distinguished_name(*X509_get_subject_name(certificate)));
}

// Asking a socket for more that has just given less than it was asked for would be in vain, and costs a buffer.
Tls::Step Tls::read(std::span<char> into) {
  begin();
  Step step;
  while (step.bytes < into.size()) {
    std::size_t got = 0;
    const int result = SSL_read_ex(session_.ssl.get(), into.data() + step.bytes, into.size() - step.bytes, &got);
    if (result == 1) {
      step.bytes += got;
      if (holds_input_) holds_input_ = SSL_has_pending(session_.ssl.get()) == 1;
      if (!holds_input_ && !wire_gave_all_) break;
      continue;
    }
    step.state = after(result);
    break;
  }
  hand_over();
  // An end or a failure behind bytes shows again at the next read: OpenSSL remembers it.
  if (step.bytes > 0) step.state = State::done;
  return step;
}

Tls::State Tls::peek() {
  begin();
  char byte = 0;
  std::size_t got = 0;
  const int result = SSL_peek_ex(session_.ssl.get(), &byte, 1, &got);
  const auto state = result == 1 ? State::done : after(result);
  hand_over();
  return state;
}

// Small parts share a record; what fills one is encrypted where it lies.
Tls::Step Tls::seal(std::span<const iovec> parts) {
  begin();
  Step step{.state = State::done};
  std::size_t part = 0, offset = 0;
  for (std::size_t record = 0; record < records_per_batch && part < parts.size(); ++record) {
    const char* from = static_cast<const char*>(parts[part].iov_base) + offset;
    std::size_t size = std::min(parts[part].iov_len - offset, record_bytes);
    const bool alone = size == record_bytes || part + 1 == parts.size();
    if (!alone) size = 0;
    while (!alone && size < record_bytes && part < parts.size()) {
      const auto more = std::min(parts[part].iov_len - offset, record_bytes - size);
      std::memcpy(scratch.gathered.data() + size, static_cast<const char*>(parts[part].iov_base) + offset, more);
      size += more;
      offset += more;
      if (offset == parts[part].iov_len) ++part, offset = 0;
    }
    if (alone) {
      offset += size;
      if (offset == parts[part].iov_len) ++part, offset = 0;
    } else {
      from = scratch.gathered.data();
    }
    std::size_t sealed = 0;
    if (const int result = SSL_write_ex(session_.ssl.get(), from, size, &sealed); result != 1) {
      step.state = after(result);
      return step;
    }
    step.bytes += sealed;
  }
  return step;
}

Tls::State Tls::flush() {
  if (pending_ && scratch.out_used > 0) keep({scratch.out.data(), std::exchange(scratch.out_used, 0)});
  const bool kept = pending_ != nullptr;
  std::span<const char> left(scratch.out.data(), std::exchange(scratch.out_used, 0));
  if (kept) left = pending_->left();
  while (!left.empty()) {
    const auto sent = wire_.send(left);
    if (sent < 0) break;
    left = left.subspan(static_cast<std::size_t>(sent));
  }
  if (left.empty()) {
    pending_.reset();
    return State::done;
  }
  const int error = errno;
  if (!kept) keep(left);
  pending_->sent = pending_->bytes.size() - left.size();
  const bool full = error == EAGAIN || error == EWOULDBLOCK;
  if (full && left.size() <= pending_bytes_max) return State::waits;
  os_error_ = full ? 0 : error;
  return fail(full ? base::Reason::too_large : base::os_failure({}, error).reason);
}

void Tls::finish() {
  if (!established_ || std::exchange(finished_, true)) return;
  begin();
  SSL_shutdown(session_.ssl.get());
  ERR_clear_error();
}

std::string_view protocol_of(const SSL& ssl) {
  const unsigned char* protocol = nullptr;
  unsigned int bytes = 0;
  SSL_get0_alpn_selected(&ssl, &protocol, &bytes);
  return {reinterpret_cast<const char*>(protocol), bytes};
}

TlsFacts Tls::facts() const {
  auto* ssl = session_.ssl.get();
  return {.protocol = protocol_of(*ssl),
          .version = SSL_get_version(ssl),
          .cipher = SSL_get_cipher_name(ssl),
          .server_name = server_name(),
          .client_subject = client_subject(),
          .resumed = SSL_session_reused(ssl) == 1};
}

std::string_view Tls::server_name() const {
  const char* name = SSL_get_servername(session_.ssl.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : std::string_view{};
}

bool Tls::met_plain_http() const {
  const auto reason = ERR_GET_REASON(error_code_);
  return ERR_GET_LIB(error_code_) == ERR_LIB_SSL &&
         (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST);
}

std::string Tls::error() const {
  const auto verified = SSL_get_verify_result(session_.ssl.get());
  if (verified != X509_V_OK) return X509_verify_cert_error_string(verified);
  if (error_code_ != 0) return reason_text(error_code_);
  return os_error_ != 0 ? std::strerror(os_error_) : std::string(base::name(reason_));
}

}  // namespace drawbridge::net
