#include "proxy/net/tls_certificate.h"

#include "proxy/base/ascii.h"
#include "proxy/net/tls_file.h"
#include "proxy/net/tls_names.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <utility>

namespace drawbridge::net {
namespace {

constexpr std::size_t chain_length_max = 16;

struct FreeOpenSsl {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(OCSP_RESPONSE* response) const { OCSP_RESPONSE_free(response); }
  void operator()(OCSP_BASICRESP* answers) const { OCSP_BASICRESP_free(answers); }
};

template <class T>
using Held = std::unique_ptr<T, FreeOpenSsl>;

// A key that wants a passphrase is refused, not asked for on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

base::WallTime wall_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return base::WallTime::max();
  return std::chrono::time_point_cast<base::WallTime::duration>(
      std::chrono::system_clock::from_time_t(::timegm(&parts)));
}

std::vector<std::string> dns_names(const X509& certificate) {
  const Held<GENERAL_NAMES> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> names;
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
    std::string lower(text, size);
    for (auto& c : lower) c = base::to_lower(c);
    if (lower.find('\0') == std::string::npos) names.push_back(std::move(lower));
  }
  return names;
}

std::string describe_key(const EVP_PKEY& key) {
  const auto kind = EVP_PKEY_get_base_id(&key);
  if (kind == EVP_PKEY_RSA) return "RSA " + std::to_string(EVP_PKEY_get_bits(&key));
  if (kind == EVP_PKEY_EC) return "EC " + std::to_string(EVP_PKEY_get_bits(&key));
  const char* name = EVP_PKEY_get0_type_name(&key);
  return name != nullptr ? name : "unknown";
}

}  // namespace

void Certificate::Free::operator()(X509* certificate) const {
  X509_free(certificate);
}
void Certificate::Free::operator()(EVP_PKEY* key) const {
  EVP_PKEY_free(key);
}

std::expected<Certificate, CertificateFlaw> Certificate::load(const CertificateFiles& files) {
  using Part = CertificateFlaw::Part;
  Certificate certificate;
  if (auto read = certificate.read_chain(files.certificate); !read) {
    return std::unexpected(CertificateFlaw{Part::certificate, std::move(read.error())});
  }
  if (auto read = certificate.read_key(files.key); !read) {
    return std::unexpected(CertificateFlaw{Part::key, std::move(read.error())});
  }
  certificate.note_facts(files.certificate);
  if (files.ocsp_staple.empty()) return certificate;
  if (auto read = certificate.read_staple(files.ocsp_staple); !read) {
    return std::unexpected(CertificateFlaw{Part::ocsp_staple, std::move(read.error())});
  }
  return certificate;
}

std::expected<void, std::string> Certificate::read_chain(const std::string& path) {
  const auto text = read_tls_file(path);
  if (!text) return std::unexpected(text.error());
  const Held<BIO> bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  while (chain_.size() < chain_length_max) {
    Handle next(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (!next) break;
    chain_.push_back(std::move(next));
  }
  const auto last = ERR_GET_REASON(ERR_peek_last_error());
  const auto why = take_error("no certificate");
  if (chain_.empty() && last == PEM_R_NO_START_LINE) return std::unexpected("holds no certificate in PEM form");
  if (last != 0 && last != PEM_R_NO_START_LINE) return std::unexpected("is broken: " + why);
  return {};
}

std::expected<void, std::string> Certificate::read_key(const std::string& path) {
  const auto text = read_tls_file(path);
  if (!text) return std::unexpected(text.error());
  const Held<BIO> bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  key_.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  const bool locked = text->find("ENCRYPTED") != std::string::npos;
  const auto why = take_error("no key");
  if (!key_ && locked) return std::unexpected("wants a passphrase; keys are read without one");
  if (!key_) return std::unexpected("holds no private key in PEM form (" + why + ")");
  const bool fits = X509_check_private_key(chain_.front().get(), key_.get()) == 1;
  ERR_clear_error();
  if (!fits) return std::unexpected("is not the key of the certificate");
  return {};
}

std::expected<void, std::string> Certificate::read_staple(const std::string& path) {
  const auto der = read_tls_file(path);
  if (!der) return std::unexpected(der.error());
  const auto* bytes = reinterpret_cast<const unsigned char*>(der->data());
  const Held<OCSP_RESPONSE> response(d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der->size())));
  ERR_clear_error();
  if (!response) return std::unexpected("is no OCSP response in DER form");
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return std::unexpected("is an OCSP response that says an error");
  }
  const Held<OCSP_BASICRESP> answers(OCSP_response_get1_basic(response.get()));
  const auto* serial = X509_get0_serialNumber(chain_.front().get());
  for (int i = 0; answers && i < OCSP_resp_count(answers.get()); ++i) {
    auto* single = OCSP_resp_get0(answers.get(), i);
    ASN1_INTEGER* about = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &about, const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
    if (about == nullptr || ASN1_INTEGER_cmp(about, serial) != 0) continue;
    ASN1_GENERALIZEDTIME* until = nullptr;
    OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &until);
    staple_until_ = wall_time(until);
    staple_ = *der;
    return {};
  }
  return std::unexpected("is an OCSP response about another certificate");
}

void Certificate::note_facts(const std::string& path) {
  const auto& own = *chain_.front();
  facts_ = {.file = path,
            .subject = distinguished_name(*X509_get_subject_name(&own)),
            .names = dns_names(own),
            .key_type = describe_key(*key_),
            .not_before = wall_time(X509_get0_notBefore(&own)),
            .not_after = wall_time(X509_get0_notAfter(&own))};
}

int Certificate::key_kind() const {
  return EVP_PKEY_get_base_id(key_.get());
}

bool Certificate::is(const X509& certificate) const {
  return X509_cmp(chain_.front().get(), &certificate) == 0;
}

bool Certificate::put_into(SSL_CTX& context) const {
  if (SSL_CTX_use_certificate(&context, chain_.front().get()) != 1) return false;
  if (SSL_CTX_use_PrivateKey(&context, key_.get()) != 1) return false;
  SSL_CTX_clear_chain_certs(&context);
  return std::ranges::all_of(chain_.begin() + 1, chain_.end(), [&](const Handle& link) {
    return SSL_CTX_add1_chain_cert(&context, link.get()) == 1;
  });
}

}  // namespace drawbridge::net
