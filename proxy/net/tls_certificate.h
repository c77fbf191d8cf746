#pragma once

#include "proxy/base/time.h"

#include <openssl/types.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace drawbridge::net {

// PEM files of one certificate, by absolute path.
struct CertificateFiles {
  std::string certificate;  // the server's own first, then the intermediate ones
  std::string key;          // without a passphrase
  std::string ocsp_staple;  // DER; empty: none

  bool operator==(const CertificateFiles&) const = default;
};

// What people and monitors want to know of a certificate.
struct CertificateFacts {
  std::string file;
  std::string subject;             // RFC 4514
  std::vector<std::string> names;  // lower case, from the subject's alternative names; "*.example.com"
  std::string key_type;            // "RSA 2048", "EC 256", "ED25519"
  base::WallTime not_before{}, not_after{};
};

// What is wrong, and with which of the files.
struct CertificateFlaw {
  enum class Part : std::uint8_t { certificate, key, ocsp_staple };
  Part part = Part::certificate;
  std::string message;  // follows the name of the file
};

// A certificate with its key, as read at one moment: the key fits, the times are as the facts say. Immutable; any
// thread.
class Certificate {
 public:
  static std::expected<Certificate, CertificateFlaw> load(const CertificateFiles& files);

  const CertificateFacts& facts() const { return facts_; }
  // OpenSSL's number of the kind of key: one certificate of each kind can stand under the same name.
  int key_kind() const;
  bool put_into(SSL_CTX& context) const;

  // The answer of the certificate's OCSP responder; empty: none.
  const std::string& staple() const { return staple_; }
  base::WallTime staple_until() const { return staple_until_; }
  bool is(const X509& certificate) const;

 private:
  struct Free {
    void operator()(X509* certificate) const;
    void operator()(EVP_PKEY* key) const;
  };
  using Handle = std::unique_ptr<X509, Free>;

  std::expected<void, std::string> read_chain(const std::string& path);
  std::expected<void, std::string> read_key(const std::string& path);
  std::expected<void, std::string> read_staple(const std::string& path);
  void note_facts(const std::string& path);

  std::vector<Handle> chain_;  // its own first
  std::unique_ptr<EVP_PKEY, Free> key_;
  std::string staple_;
  base::WallTime staple_until_ = base::WallTime::max();
  CertificateFacts facts_;
};

}  // namespace drawbridge::net
