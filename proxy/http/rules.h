#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace drawbridge::http {

// Why a message is not accepted. Answer a client with `status` and close; a response judged so is a malformed
// answer (502) and its connection is never used again. Bodies: the request was admitted before, the same two ends
// apply.
struct Refusal {
  std::uint16_t status = 400;
  std::string_view rule = {};  // constant text, the name in the table below: for logs and metrics
};

// Every acceptance rule, each with the section that asks for it. `R` of RFC 9112 unless another is named.
enum class Rule : std::uint8_t {
  line_end,
  control_byte,
  empty_lines,
  line_too_long,
  head_too_large,
  too_many_fields,
  request_line,
  method,
  method_too_long,
  method_refused,
  version_syntax,
  version_unsupported,
  target_byte,
  target_form,
  target_scheme,
  target_userinfo,
  target_authority,
  host_missing,
  host_repeated,
  host_malformed,
  leading_space,
  folded_line,
  field_without_colon,
  field_name,
  space_before_colon,
  length_malformed,
  length_repeated,
  coding_repeated,
  coding_not_chunked,
  coding_unknown,
  coding_with_length,
  coding_in_http_1_0,
  connection_malformed,
  expectation,
  status_line,
  status_code,
  upgrade_unasked,
  chunk_size,
  chunk_size_overflow,
  chunk_line_end,
  chunk_extension,
  chunk_extension_too_long,
  trailer_malformed,
  trailers_too_large,
  h2_pseudo_field,
  h2_field_name,
  h2_field_value,
  h2_connection_field,
  h2_authority,
  h2_length,
  h2_message,
  h2_protocol,
};

struct RuleEntry {
  Rule rule;
  std::uint16_t status;      // for a request; a response that breaks the rule is malformed whatever stands here
  std::string_view name;     // what goes to the log
  std::string_view section;  // where it is written
  std::string_view why;
};

inline constexpr std::size_t rule_count = static_cast<std::size_t>(Rule::h2_protocol) + 1;

// One row a rule, in the order of the enumeration.
extern const std::array<RuleEntry, rule_count> rules;

Refusal refuse(Rule rule);

// Allow of a 405 (RFC 9110 section 15.5.6) and of an OPTIONS that we answer ourselves; unknown methods pass as
// well.
inline constexpr std::string_view allowed_methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

}  // namespace drawbridge::http
