#include "tests/tls/tls_files.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace drawbridge::tests {

TlsFiles::TlsFiles() {
  std::string name = (std::filesystem::temp_directory_path() / "drawbridge-tls-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for certificates");
  folder_ = name;
}

TlsFiles::~TlsFiles() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void TlsFiles::run(const std::string& command) const {
  const auto whole = "cd " + folder_.string() + " && openssl " + command + " >/dev/null 2>openssl.log";
  if (std::system(whole.c_str()) != 0) throw std::runtime_error("failed: openssl " + command);
}

std::string TlsFiles::authority(const std::string& name) {
  if (!std::filesystem::exists(folder_ / (name + ".pem"))) {
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=" + name + "' -keyout " +
        name + ".key -out " + name + ".pem");
  }
  return path(name + ".pem");
}

net::CertificateFiles TlsFiles::issue(const std::string& name, const std::string& alternatives,
                                      const std::string& issuer, Key key, int days) {
  authority(issuer);
  const std::string algorithm = key == Key::ec ? "ec -pkeyopt ec_paramgen_curve:P-256" : "rsa:2048";
  write(name + ".ext", alternatives.empty() ? "" : "subjectAltName=" + alternatives + "\n");
  run("req -newkey " + algorithm + " -nodes -subj '/O=Example/CN=" + name + "' -keyout " + name + ".key -out " +
      name + ".csr");
  run("x509 -req -in " + name + ".csr -CA " + issuer + ".pem -CAkey " + issuer + ".key -CAcreateserial -days " +
      std::to_string(days) + " -extfile " + name + ".ext -out " + name + ".pem");
  return {.certificate = path(name + ".pem"), .key = path(name + ".key"), .ocsp_staple = {}};
}

std::string TlsFiles::write(const std::string& name, std::string_view text) {
  std::ofstream(folder_ / name) << text;
  return path(name);
}

}  // namespace drawbridge::tests
