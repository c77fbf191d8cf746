// Prints the tables that the unit tests judge by, one row a line, each cell in hexadecimal, for the tests that send
// the same rows over sockets.

#include "proxy/http/rules.h"
#include "tests/e2e/cutover_points.h"
#include "tests/unit/classify_cases.h"
#include "tests/wire/accepted_request_cases.h"
#include "tests/wire/chunked_cases.h"
#include "tests/wire/refused_framing_cases.h"
#include "tests/wire/refused_request_cases.h"
#include "tests/wire/response_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace drawbridge;
using core::testing::ClassifyCase;

std::string hex(std::string_view text) {
  std::string out;
  for (const char byte : text) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

void print_row(std::string_view table, const std::vector<std::string>& cells) {
  std::string line(table);
  for (const auto& cell : cells) line += "\t" + hex(cell);
  std::puts(line.c_str());
}

std::string status_of(std::string_view rule) {
  const auto found = std::ranges::find(http::rules, rule, &http::RuleEntry::name);
  return found == http::rules.end() ? "" : std::to_string(found->status);
}

void print(std::string_view table, const std::vector<wire::WireCase>& rows) {
  for (const auto& row : rows) print_row(table, {row.name, row.bytes, row.expected, status_of(row.expected)});
}

void print(std::span<const ClassifyCase> rows) {
  for (const auto& row : rows) {
    std::string fields;
    for (const auto field : row.fields) {
      if (!field.empty()) fields += std::string(field) + "\r\n";
    }
    print_row("classify", {std::string(row.method), std::string(row.target), std::string(name(row.request_class)),
                           std::string(name(row.readonly)), std::string(name(row.why)), fields});
  }
}

void print_rules(std::string_view table, std::span<const std::string_view> rules) {
  for (const auto rule : rules) print_row(table, {std::string(rule)});
}

}  // namespace

int main() {
  for (const auto* rows : {&wire::refused_lines_and_fields, &wire::refused_request_lines, &wire::refused_hosts,
                           &wire::refused_framings}) {
    print("refused_requests", *rows);
  }
  print("accepted_requests", wire::accepted_requests);
  print("refused_chunks", wire::refused_chunks);
  print("accepted_chunks", wire::accepted_chunks);
  print("refused_responses", wire::refused_responses);
  print("accepted_responses", wire::accepted_responses);
  using namespace core::testing;
  print_rules("read_rules", case_read_rules);
  print_rules("write_rules", case_write_rules);
  print_rules("exempt_rules", case_exempt_rules);
  print(by_method);
  print(by_rule);
  print(by_normal_form);
  print(by_reading);
  print(by_override);
  print(by_tunnel_or_exemption);
  for (const auto& point : tests::cutover_points()) print_row("cutover_points", {point});
}
