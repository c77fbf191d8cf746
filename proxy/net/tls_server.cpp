#include "proxy/net/tls_server.h"

#include "proxy/base/ascii.h"
#include "proxy/base/check.h"
#include "proxy/net/tls_file.h"
#include "proxy/net/tls_names.h"
#include "proxy/net/tls_server_calls.h"
#include "proxy/net/tls_settings.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace drawbridge::net {
namespace {

using Part = TlsServerFlaw::Part;

std::unexpected<TlsServerFlaw> flaw(Part part, std::size_t index, std::string message) {
  return std::unexpected(TlsServerFlaw{part, index, std::move(message)});
}

Part part_of(CertificateFlaw::Part part) {
  switch (part) {
    case CertificateFlaw::Part::certificate:
      return Part::certificate;
    case CertificateFlaw::Part::key:
      return Part::key;
    case CertificateFlaw::Part::ocsp_staple:
      return Part::ocsp_staple;
  }
  return Part::certificate;
}

std::string digest(std::string_view text) {
  std::array<unsigned char, 32> bytes{};
  EVP_Digest(text.data(), text.size(), bytes.data(), nullptr, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void TlsServer::Free::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

std::expected<std::shared_ptr<const TlsServer>, TlsServerFlaw> TlsServer::make(const TlsServerSpec& spec,
                                                                               const TicketKeys& keys) {
  DRAWBRIDGE_CHECK(!spec.certificates.empty());
  std::shared_ptr<TlsServer> server(new TlsServer(keys));
  if (auto loaded = server->load(spec); !loaded) return std::unexpected(std::move(loaded.error()));
  if (auto arranged = server->arrange(spec); !arranged) return std::unexpected(std::move(arranged.error()));
  return server;
}

std::expected<void, TlsServerFlaw> TlsServer::load(const TlsServerSpec& spec) {
  for (std::size_t i = 0; i < spec.certificates.size(); ++i) {
    auto certificate = Certificate::load(spec.certificates[i]);
    if (!certificate) return flaw(part_of(certificate.error().part), i, std::move(certificate.error().message));
    certificates_.push_back(std::move(*certificate));
  }
  protocols_ = spec.http2 ? std::string("\x02h2\x08http/1.1") : std::string("\x08http/1.1");
  std::string authority;
  if (!spec.client_ca.empty()) {
    auto read = read_tls_file(spec.client_ca);
    if (!read) return flaw(Part::client_ca, 0, std::move(read.error()));
    authority = std::move(*read);
  }
  // A session that began without a certificate, or with one of another authority, opens no door here.
  const auto asked = std::to_string(static_cast<int>(spec.client_certificates));
  session_context_ = digest(spec.name + '\0' + asked + '\0' + authority);
  return {};
}

// Names with the same certificates share a context. Of two certificates of a kind under one name the first counts.
std::expected<void, TlsServerFlaw> TlsServer::arrange(const TlsServerSpec& spec) {
  std::unordered_map<std::string, Members> claims;
  for (std::size_t i = 0; i < certificates_.size(); ++i) {
    for (const auto& name : certificates_[i].facts().names) {
      auto& members = claims[name];
      const bool taken = std::ranges::any_of(members, [&](std::size_t other) {
        return certificates_[other].key_kind() == certificates_[i].key_kind();
      });
      if (!taken) members.push_back(i);
    }
  }
  Members first{0};
  for (const auto& name : certificates_.front().facts().names) {
    if (claims[name].front() == 0 && claims[name].size() > first.size()) first = claims[name];
  }
  std::map<Members, SSL_CTX*> made;
  const auto context_of = [&](const Members& members) -> std::expected<SSL_CTX*, TlsServerFlaw> {
    if (const auto known = made.find(members); known != made.end()) return known->second;
    auto context = make_context(spec, members);
    if (!context) return std::unexpected(std::move(context.error()));
    contexts_.push_back(std::move(*context));
    return made[members] = contexts_.back().get();
  };
  if (auto context = context_of(first); !context) return std::unexpected(std::move(context.error()));
  for (const auto& [name, members] : claims) {
    auto context = context_of(members);
    if (!context) return std::unexpected(std::move(context.error()));
    by_name_[name] = *context;
  }
  return {};
}

std::expected<TlsServer::Context, TlsServerFlaw> TlsServer::make_context(const TlsServerSpec& spec,
                                                                         const Members& members) const {
  Context made(SSL_CTX_new(TLS_server_method()));
  DRAWBRIDGE_CHECK(made != nullptr);
  auto& context = *made;
  apply_common_settings(context, spec.min_version);
  if (!set_ciphers(context, spec.ciphers)) {
    return flaw(Part::ciphers, 0, take_error("no such cipher"));
  }
  for (const auto member : members) {
    if (certificates_[member].put_into(context)) continue;
    return flaw(Part::certificate, member, "cannot be used: " + take_error("refused by OpenSSL"));
  }
  const auto& id = session_context_;
  SSL_CTX_set_session_id_context(&context, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  SSL_CTX_set_timeout(&context, static_cast<long>(std::chrono::seconds(TicketKeys::lifetime).count()));
  SSL_CTX_set_app_data(&context, const_cast<TlsServer*>(this));
  TlsServerCalls::install(context);
  if (auto asked = ask_for_certificates(context, spec); !asked) return std::unexpected(std::move(asked.error()));
  return made;
}

std::expected<void, TlsServerFlaw> TlsServer::ask_for_certificates(SSL_CTX& context,
                                                                   const TlsServerSpec& spec) const {
  if (spec.client_certificates == ClientCertificates::none) return {};
  if (SSL_CTX_load_verify_file(&context, spec.client_ca.c_str()) != 1) {
    return flaw(Part::client_ca, 0, "holds no certificate authority: " + take_error("nothing in it"));
  }
  SSL_CTX_set_client_CA_list(&context, SSL_load_client_CA_file(spec.client_ca.c_str()));
  const bool required = spec.client_certificates == ClientCertificates::required;
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  ERR_clear_error();
  return {};
}

SSL_CTX* TlsServer::choose(std::string_view asked) const {
  std::string name(asked);
  for (auto& c : name) c = base::to_lower(c);
  if (name.ends_with('.')) name.pop_back();
  if (const auto exact = by_name_.find(name); exact != by_name_.end()) return exact->second;
  // A wildcard stands for one label (RFC 6125 section 6.4.3).
  const auto dot = name.find('.');
  if (dot != std::string::npos && dot > 0) {
    const auto wildcard = by_name_.find("*" + name.substr(dot));
    if (wildcard != by_name_.end()) return wildcard->second;
  }
  return contexts_.front().get();
}

TlsSession TlsServer::accept(const std::shared_ptr<const TlsServer>& self) {
  TlsSession session{.ssl{SSL_new(self->contexts_.front().get())}, .maker = self};
  DRAWBRIDGE_CHECK(session.ssl != nullptr);
  SSL_set_accept_state(session.ssl.get());
  return session;
}

}  // namespace drawbridge::net
