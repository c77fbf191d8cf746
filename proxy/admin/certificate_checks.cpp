#include "proxy/admin/certificate_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace drawbridge::admin {
namespace {

std::string time_until(base::WallTime at, base::WallTime now) {
  return base::describe_duration(std::chrono::duration_cast<base::Millis>(at - now));
}

// "" if all is well with it.
std::string expiry(const control::CertificateStatus& one, base::WallTime now) {
  if (one.expires <= now) return fmt::format("{} expired at {}", one.file, base::format_time(one.expires));
  if (one.expires > now + certificate_notice) return "";
  return fmt::format("{} expires in {}, at {}", one.file, time_until(one.expires, now),
                     base::format_time(one.expires));
}

std::string staleness(const control::CertificateStatus& one, base::WallTime now) {
  if (one.staple_until > now) return "";
  return fmt::format("the OCSP staple of {} was good until {}; it is not sent any more", one.file,
                     base::format_time(one.staple_until));
}

}  // namespace

std::vector<std::string> certificate_warnings(const Certificates& certificates, base::WallTime now) {
  std::vector<std::string> warnings;
  std::set<std::string> said;
  const auto say = [&](std::string text) {
    if (!text.empty() && said.insert(text).second) warnings.push_back(std::move(text));
  };
  for (const auto& one : certificates) {
    if (!one.problem.empty()) {
      say(fmt::format("{}; the certificates that were read before stay in use at {}", one.problem, one.listener));
    }
    say(expiry(one, now));
    say(staleness(one, now));
  }
  return warnings;
}

std::vector<Check> check_certificates(const Certificates& certificates, base::WallTime now) {
  if (certificates.empty()) return {};
  std::vector<Check> checks;
  for (const auto& text : certificate_warnings(certificates, now)) {
    checks.push_back({"certificates", Health::warn, text, "renew it; the files are read again when they change"});
  }
  const bool expired = std::ranges::any_of(certificates, [&](const auto& one) { return one.expires <= now; });
  if (expired) checks.front().result = Health::fail;
  if (!checks.empty()) return checks;
  const auto first = std::ranges::min_element(certificates, {}, &control::CertificateStatus::expires);
  return {{"certificates", Health::ok,
           fmt::format("{} in use; the first expires in {}", certificates.size(), time_until(first->expires, now)),
           ""}};
}

}  // namespace drawbridge::admin
