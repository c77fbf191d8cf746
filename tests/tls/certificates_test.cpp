#include "proxy/app/certificates.h"

#include "tests/tls/tls_files.h"
#include "tests/unit/control_fakes.h"

#include <doctest/doctest.h>

#include <filesystem>

using namespace drawbridge;
using app::Certificates;

namespace {

// A listener whose pair is replaced file by file, as a script does it.
struct Renewal {
  Renewal() {
    config::Listener listener{.address = "127.0.0.1:443"};
    listener.tls.certificates = {{.certificate = old.certificate, .key = old.key}};
    REQUIRE(certificates.use({listener}));
    certificates.watch([this](std::size_t, const auto&) { ++handed; });
  }

  void put_certificate() { replace(fresh.certificate, old.certificate); }
  void put_key() { replace(fresh.key, old.key); }
  void look() { alarms.advance(Certificates::look_every); }
  std::string problem() const { return certificates.status().front().problem; }

  tests::TlsFiles files;
  net::CertificateFiles old = files.issue("old", "DNS:a.example");
  net::CertificateFiles fresh = files.issue("fresh", "DNS:a.example");
  tests::FakeAlarms alarms;
  base::EventLog events{false};
  Certificates certificates{alarms, events};
  int handed = 0;

 private:
  static void replace(const std::string& by, const std::string& file) {
    std::filesystem::copy_file(by, file, std::filesystem::copy_options::overwrite_existing);
  }
};

}  // namespace

TEST_CASE("a pair whose second file is still to come is neither taken up nor complained of") {
  Renewal renewal;
  renewal.put_certificate();
  renewal.look();
  CHECK(renewal.problem().empty());
  renewal.put_key();
  renewal.look();
  CHECK(renewal.problem().empty());
  CHECK(renewal.handed == 0);
  renewal.look();
  CHECK(renewal.problem().empty());
  CHECK(renewal.handed == 1);
}

TEST_CASE("a pair that stays broken is named, and what was read before stays in use until it is mended") {
  Renewal renewal;
  renewal.put_certificate();
  renewal.look();
  renewal.look();
  CHECK(renewal.problem().contains("is not the key of the certificate"));
  CHECK(renewal.handed == 0);
  CHECK(renewal.certificates.doors().front().tls != nullptr);
  renewal.put_key();
  renewal.look();
  renewal.look();
  CHECK(renewal.problem().empty());
  CHECK(renewal.handed == 1);
}
