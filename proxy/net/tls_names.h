#pragma once

#include <openssl/types.h>

#include <string>

namespace drawbridge::net {

// "CN=alice,O=Example" as RFC 4514 writes it, in visible ASCII: all else is escaped.
std::string distinguished_name(const X509_name_st& name);

// What OpenSSL says of an error code, without its internals: "wrong version number".
std::string reason_text(unsigned long error_code);

// The same of the oldest error of this thread, whose errors are forgotten; `otherwise` if there is none.
std::string take_error(const char* otherwise);

}  // namespace drawbridge::net
