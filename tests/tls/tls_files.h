#pragma once

#include "proxy/net/tls_certificate.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace drawbridge::tests {

// A folder of certificates, made by the program openssl and removed at the end.
class TlsFiles {
 public:
  TlsFiles();
  ~TlsFiles();
  TlsFiles(const TlsFiles&) = delete;
  TlsFiles& operator=(const TlsFiles&) = delete;

  enum class Key { ec, rsa };

  // The file of an authority of this name.
  std::string authority(const std::string& name);
  // A certificate for these subject alternative names ("DNS:a.example,IP:127.0.0.1"), signed by the authority.
  net::CertificateFiles issue(const std::string& name, const std::string& alternatives,
                              const std::string& authority = "ca", Key key = Key::ec, int days = 30);
  std::string write(const std::string& name, std::string_view text);
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  void run(const std::string& command) const;

  std::filesystem::path folder_;
};

}  // namespace drawbridge::tests
