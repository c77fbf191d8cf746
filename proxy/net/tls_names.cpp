#include "proxy/net/tls_names.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <memory>

namespace drawbridge::net {

std::string distinguished_name(const X509_name_st& name) {
  const auto free = [](BIO* bio) { BIO_free(bio); };
  const std::unique_ptr<BIO, decltype(free)> text(BIO_new(BIO_s_mem()), free);
  if (!text || X509_NAME_print_ex(text.get(), &name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string reason_text(unsigned long error_code) {
  const char* reason = ERR_reason_error_string(error_code);
  return reason != nullptr ? reason : "error " + std::to_string(error_code);
}

std::string take_error(const char* otherwise) {
  const auto code = ERR_peek_error();
  ERR_clear_error();
  return code != 0 ? reason_text(code) : otherwise;
}

}  // namespace drawbridge::net
