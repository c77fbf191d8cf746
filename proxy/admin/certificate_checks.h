#pragma once

#include "proxy/admin/doctor.h"
#include "proxy/control/status.h"

#include <string>
#include <vector>

namespace drawbridge::admin {

// An expiry is said so long before.
inline constexpr std::chrono::hours certificate_notice{14 * 24};

using Certificates = std::vector<control::CertificateStatus>;

// One line for all that is well, one for each that is not; none where no listener has TLS.
std::vector<Check> check_certificates(const Certificates& certificates, base::WallTime now);

// The same as sentences for `status`.
std::vector<std::string> certificate_warnings(const Certificates& certificates, base::WallTime now);

}  // namespace drawbridge::admin
