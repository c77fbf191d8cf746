#include "proxy/net/tls_client.h"

#include "proxy/base/check.h"
#include "proxy/net/tls_certificate.h"
#include "proxy/net/tls_file.h"
#include "proxy/net/tls_names.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <utility>

namespace drawbridge::net {
namespace {

using Part = TlsClientFlaw::Part;

bool is_address(const std::string& host) {
  auto* parsed = a2i_IPADDRESS(host.c_str());
  const bool numeric = parsed != nullptr;
  ASN1_OCTET_STRING_free(parsed);
  ERR_clear_error();
  return numeric;
}

}  // namespace

void TlsMemory::Free::operator()(SSL_SESSION* session) const {
  SSL_SESSION_free(session);
}
void TlsClient::Free::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

std::expected<std::shared_ptr<const TlsClient>, TlsClientFlaw> TlsClient::make(const TlsClientSpec& spec) {
  auto client = std::make_shared<TlsClient>();
  if (auto loaded = client->load(spec); !loaded) return std::unexpected(std::move(loaded.error()));
  return client;
}

std::expected<void, TlsClientFlaw> TlsClient::load(const TlsClientSpec& spec) {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  DRAWBRIDGE_CHECK(context_ != nullptr);
  auto& context = *context_;
  server_name_ = spec.server_name;
  verify_ = spec.verify;
  http2_ = spec.http2;
  apply_common_settings(context, spec.min_version);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(&context, keep_session);
  if (spec.http2) {
    static constexpr std::array<unsigned char, 3> h2{2, 'h', '2'};
    SSL_CTX_set_alpn_protos(&context, h2.data(), h2.size());
  }
  if (spec.verify) {
    SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
    if (spec.ca.empty()) {
      SSL_CTX_set_default_verify_paths(&context);
    } else if (const auto file = read_tls_file(spec.ca); !file) {
      return std::unexpected(TlsClientFlaw{Part::ca, file.error()});
    } else if (SSL_CTX_load_verify_file(&context, spec.ca.c_str()) != 1) {
      return std::unexpected(TlsClientFlaw{Part::ca, "holds no certificate authority: " + take_error("nothing")});
    }
  }
  ERR_clear_error();
  if (spec.certificate.empty()) return {};
  const auto certificate = Certificate::load({.certificate = spec.certificate, .key = spec.key, .ocsp_staple = {}});
  if (!certificate) {
    const bool key = certificate.error().part == CertificateFlaw::Part::key;
    return std::unexpected(TlsClientFlaw{key ? Part::key : Part::certificate, certificate.error().message});
  }
  if (certificate->put_into(context)) return {};
  return std::unexpected(TlsClientFlaw{Part::certificate, "cannot be used: " + take_error("refused by OpenSSL")});
}

int TlsClient::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* memory = static_cast<TlsMemory*>(SSL_get_app_data(ssl));
  if (memory == nullptr) return 0;
  memory->session_.reset(session);
  return 1;
}

void TlsClient::prepare(SSL& ssl, std::string_view host) const {
  const auto name = server_name_.empty() ? std::string(host) : server_name_;
  const bool numeric = is_address(name);
  if (!numeric) SSL_set_tlsext_host_name(&ssl, name.c_str());
  if (!verify_) return;
  SSL_set_hostflags(&ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (numeric) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(&ssl), name.c_str());
  } else {
    SSL_set1_host(&ssl, name.c_str());
  }
}

TlsSession TlsClient::connect(const std::shared_ptr<const TlsClient>& self, std::string_view host,
                              TlsMemory* memory) {
  TlsSession session{.ssl{SSL_new(self->context_.get())}, .maker = self};
  auto* ssl = session.ssl.get();
  DRAWBRIDGE_CHECK(ssl != nullptr);
  SSL_set_connect_state(ssl);
  self->prepare(*ssl, host);
  if (memory == nullptr) return session;
  SSL_set_app_data(ssl, memory);
  if (memory->of_ != self) memory->session_.reset();
  memory->of_ = self;
  if (memory->session_) SSL_set_session(ssl, memory->session_.get());
  return session;
}

SSL_CTX* TlsClient::share_context() const {
  SSL_CTX_up_ref(context_.get());
  return context_.get();
}

std::string TlsClient::error_of(const SSL& ssl, std::string_view otherwise) {
  const auto verified = SSL_get_verify_result(&ssl);
  return verified != X509_V_OK ? X509_verify_cert_error_string(verified) : std::string(otherwise);
}

// A server that we leave without a goodbye may call what it got of us one that cannot be decoded.
std::string TlsClient::refusal_of(unsigned long error) {
  const int alert = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET : 0;
  const auto* const reason = alert > 0 && alert != SSL_AD_DECODE_ERROR ? ERR_reason_error_string(error) : nullptr;
  return reason != nullptr ? reason : std::string();
}

}  // namespace drawbridge::net
