#include "proxy/net/tls_server.h"

#include "proxy/net/stream.h"
#include "proxy/net/tls_client.h"
#include "tests/tls/tls_files.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <string>
#include <utility>
#include <vector>

using namespace drawbridge;
using tests::TlsFiles;

namespace {

// A wire between two Tls of this thread: what one sends the other receives.
struct Pipe final : net::TlsWire {
  ssize_t receive(std::span<char> into) override {
    if (arrived.empty()) return errno = EAGAIN, -1;
    const auto size = std::min(into.size(), arrived.size());
    arrived.copy(into.data(), size);
    arrived.erase(0, size);
    return static_cast<ssize_t>(size);
  }
  ssize_t send(std::span<const char> bytes) override {
    other->arrived.append(bytes.data(), bytes.size());
    return static_cast<ssize_t>(bytes.size());
  }
  std::string arrived;
  Pipe* other = nullptr;
};

struct Shown {
  std::string subject;
  std::string protocol;
};

// The subject of the certificate that a client asking for `name` is shown; algorithms as OpenSSL lists them.
Shown shown_to(const std::shared_ptr<const net::TlsServer>& server, const std::string& name,
               const char* algorithms = nullptr) {
  const auto client = net::TlsClient::make({.verify = false});
  auto near = net::TlsClient::connect(*client, name, nullptr);
  auto* ssl = near.ssl.get();
  if (algorithms != nullptr) SSL_set1_sigalgs_list(ssl, algorithms);
  SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"), 12);
  Pipe left, right;
  left.other = &right;
  right.other = &left;
  net::Tls asking(std::move(near), left);
  net::Tls answering(net::TlsServer::accept(server), right);
  for (int turn = 0; turn < 10; ++turn) {
    asking.shake_hands();
    if (!answering.established()) answering.shake_hands();
  }
  REQUIRE(asking.established());
  std::array<char, 200> subject{};
  X509_NAME_oneline(X509_get_subject_name(SSL_get0_peer_certificate(ssl)), subject.data(), subject.size());
  const std::string text(subject.data());
  return {text.substr(text.rfind("CN=") + 3), std::string(asking.facts().protocol)};
}

TlsFiles& files() {
  static TlsFiles made;
  return made;
}

net::TicketKeys& keys() {
  static net::TicketKeys made;
  return made;
}

}  // namespace

TEST_CASE("the certificate is chosen by the name: exact, then wildcard, then the first") {
  const auto server = net::TlsServer::make(
      {.certificates = {files().issue("default", "DNS:default.example"),
                        files().issue("star", "DNS:*.shop.example,DNS:shop.example"),
                        files().issue("exact", "DNS:www.shop.example"), files().issue("nameless", "")}},
      keys());
  REQUIRE(server.has_value());
  const std::vector<std::pair<std::string, std::string>> cases{
      {"default.example", "default"}, {"www.shop.example", "exact"}, {"WWW.Shop.Example", "exact"},
      {"api.shop.example", "star"},   {"shop.example", "star"},      {"a.b.shop.example", "default"},
      {"unknown.example", "default"}, {"127.0.0.1", "default"},      {"www.shop.example.", "exact"},
      {".shop.example", "default"},   {"*.shop.example", "star"},
  };
  for (const auto& [name, subject] : cases) {
    CAPTURE(name);
    CHECK(shown_to(*server, name).subject == subject);
  }
}

TEST_CASE("an ECDSA and an RSA certificate stand side by side, and the client's algorithms choose") {
  const auto server = net::TlsServer::make(
      {.certificates = {files().issue("both-rsa", "DNS:both.example", "ca", TlsFiles::Key::rsa),
                        files().issue("both-ec", "DNS:both.example")}},
      keys());
  REQUIRE(server.has_value());
  CHECK(shown_to(*server, "both.example", "ECDSA+SHA256").subject == "both-ec");
  CHECK(shown_to(*server, "both.example", "RSA-PSS+SHA256:RSA+SHA256").subject == "both-rsa");
  CHECK(shown_to(*server, "other.example", "ECDSA+SHA256").subject == "both-ec");
  CHECK(shown_to(*server, "other.example", "RSA-PSS+SHA256:RSA+SHA256").subject == "both-rsa");
}

TEST_CASE("HTTP/2 is agreed on only where the listener offers it") {
  for (const bool http2 : {true, false}) {
    const auto server = net::TlsServer::make({.certificates = {files().issue("a", "")}, .http2 = http2}, keys());
    REQUIRE(server.has_value());
    CHECK(shown_to(*server, "a.example").protocol == (http2 ? "h2" : "http/1.1"));
  }
}

TEST_CASE("the facts of a certificate are those of its first one") {
  const auto loaded = net::Certificate::load(files().issue("facts", "DNS:One.example,DNS:*.two.example", "ca"));
  REQUIRE(loaded.has_value());
  CHECK(loaded->facts().subject == "CN=facts,O=Example");
  CHECK(loaded->facts().names == std::vector<std::string>{"one.example", "*.two.example"});
  CHECK(loaded->facts().key_type == "EC 256");
  const auto left = loaded->facts().not_after - base::now().wall;
  CHECK(left > std::chrono::hours(29 * 24));
  CHECK(left <= std::chrono::hours(30 * 24));
}

TEST_CASE("files that cannot be used are refused, with the file and the reason") {
  using Part = net::CertificateFlaw::Part;
  struct Case {
    const char* what;
    net::CertificateFiles given;
    Part part;
    const char* message;
  };
  const auto good = files().issue("good", "");
  const auto other = files().issue("other", "");
  const auto locked = files().write(
      "locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
  const auto text = files().write("text.pem", "not a certificate\n");
  const auto broken = files().write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const std::vector<Case> cases{
      {"no such file",
       {"/nowhere/a.pem", good.key, ""},
       Part::certificate,
       "cannot be opened: No such file or directory"},
      {"a folder", {"/tmp", good.key, ""}, Part::certificate, "is not a file"},
      {"some text", {text, good.key, ""}, Part::certificate, "holds no certificate in PEM form"},
      {"a broken one", {broken, good.key, ""}, Part::certificate, "is broken"},
      {"no key", {good.certificate, text, ""}, Part::key, "holds no private key in PEM form"},
      {"a locked key", {good.certificate, locked, ""}, Part::key, "wants a passphrase"},
      {"another's key", {good.certificate, other.key, ""}, Part::key, "is not the key of the certificate"},
      {"no staple", {good.certificate, good.key, text}, Part::ocsp_staple, "is no OCSP response in DER form"},
  };
  for (const auto& [what, given, part, message] : cases) {
    CAPTURE(what);
    const auto loaded = net::Certificate::load(given);
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().part == part);
    CHECK(loaded.error().message.find(message) == 0);
  }
}
