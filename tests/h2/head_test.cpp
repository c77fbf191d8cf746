// The judge of heads by itself: the library in front of it refuses much of this before it comes here.
#include "proxy/http/h2_head.h"
#include "tests/h2/frames.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::h2;

namespace {

struct Row {
  std::string name;
  Fields fields;
  std::string rule;  // empty: taken
};

std::string judge_request(const Fields& fields, bool ended) {
  static http::RequestHead head;
  static std::array<char, 8'192> text;
  http::H2HeadReader reader;
  reader.begin_request({.text = text, .request = &head}, {});
  for (const auto& [name, value] : fields) reader.add(name, value);
  const auto verdict = reader.end_request(ended);
  return verdict.kind == http::H2HeadReader::Verdict::Kind::taken ? ""
                                                                  : std::string(http::refuse(verdict.rule).rule);
}

std::string judge_trailers(const Fields& fields) {
  http::H2HeadReader reader;
  reader.begin_trailers();
  for (const auto& [name, value] : fields) reader.add(name, value);
  const auto verdict = reader.end_trailers();
  return verdict.kind == http::H2HeadReader::Verdict::Kind::taken ? ""
                                                                  : std::string(http::refuse(verdict.rule).rule);
}

Fields get_and(const Fields& more) {
  return with(get_fields(), more);
}

const std::vector<Row> requests{
    {"GET", get_fields(), ""},
    {"no method", without(get_fields(), ":method"), "h2_pseudo_field"},
    {"no scheme", without(get_fields(), ":scheme"), "h2_pseudo_field"},
    {"no path", without(get_fields(), ":path"), "h2_pseudo_field"},
    {"an empty path", with(without(get_fields(), ":path"), {{":path", ""}}), "h2_pseudo_field"},
    {"a path without slash", with(without(get_fields(), ":path"), {{":path", "a"}}), "h2_pseudo_field"},
    {"a path twice", get_and({{":path", "/"}}), "h2_pseudo_field"},
    {"a status", get_and({{":status", "200"}}), "h2_pseudo_field"},
    {"an unknown pseudo-field", get_and({{":a", "b"}}), "h2_pseudo_field"},
    {"a pseudo-field that is too late", with({{"x", "y"}}, get_fields()), "h2_pseudo_field"},
    {"a pseudo-field with CR", with(without(get_fields(), ":path"), {{":path", "/\r"}}), "h2_pseudo_field"},
    {"CONNECT with a path", with({{":method", "CONNECT"}}, without(get_fields(), ":method")), "h2_pseudo_field"},
    {"a protocol without CONNECT", get_and({{":protocol", "websocket"}}), "h2_pseudo_field"},
    {"CONNECT", {{":method", "CONNECT"}, {":authority", "a:1"}}, "method_refused"},
    {"another protocol", with({{":method", "CONNECT"}, {":protocol", "h2c"}}, without(get_fields(), ":method")),
     "h2_protocol"},
    {"an upper-case name", get_and({{"X", "y"}}), "h2_field_name"},
    {"an empty name", get_and({{"", "y"}}), "h2_field_name"},
    {"a name with a blank", get_and({{"a b", "y"}}), "h2_field_name"},
    {"a value with LF", get_and({{"x", "a\nb"}}), "h2_field_value"},
    {"a value with NUL", get_and({{"x", std::string(1, '\0')}}), "h2_field_value"},
    {"a value that begins with a blank", get_and({{"x", " a"}}), "h2_field_value"},
    {"a value that ends with a tab", get_and({{"x", "a\t"}}), "h2_field_value"},
    {"Connection", get_and({{"connection", "close"}}), "h2_connection_field"},
    {"Keep-Alive", get_and({{"keep-alive", "x"}}), "h2_connection_field"},
    {"Proxy-Connection", get_and({{"proxy-connection", "x"}}), "h2_connection_field"},
    {"Transfer-Encoding", get_and({{"transfer-encoding", "chunked"}}), "h2_connection_field"},
    {"Upgrade", get_and({{"upgrade", "x"}}), "h2_connection_field"},
    {"TE", get_and({{"te", "gzip"}}), "h2_connection_field"},
    {"TE: trailers", get_and({{"te", "trailers"}}), ""},
    {"another Host", get_and({{"host", "b.example"}}), "h2_authority"},
    {"Host twice", get_and({{"host", "a.example"}, {"host", "a.example"}}), "h2_authority"},
    {"the same Host", get_and({{"host", "a.example"}}), ""},
    {"no host at all", without(get_fields(), ":authority"), "host_missing"},
    {"a length without a body", get_and({{"content-length", "1"}}), "h2_length"},
    {"a length twice", get_and({{"content-length", "0"}, {"content-length", "0"}}), "length_repeated"},
    {"a length of letters", get_and({{"content-length", "0x"}}), "length_malformed"},
    {"a head larger than its room", get_and({{"x", std::string(9'000, 'y')}}), "head_too_large"},
    {"malformed goes before too large", get_and({{"x", std::string(9'000, 'y')}, {"upgrade", "x"}}),
     "h2_connection_field"},
};

}  // namespace

TEST_CASE("each head breaks the rule that its row names") {
  for (const auto& row : requests) {
    CAPTURE(row.name);
    CHECK(judge_request(row.fields, true) == row.rule);
  }
}

TEST_CASE("trailers that frame or route are left out, malformed ones refused") {
  CHECK(judge_trailers({{"x-sum", "1"}, {"content-length", "5"}, {"host", "b"}}).empty());
  CHECK(judge_trailers({{":path", "/"}}) == "h2_pseudo_field");
  CHECK(judge_trailers({{"X", "1"}}) == "h2_field_name");
  CHECK(judge_trailers({{"x", "a\r\nb"}}) == "h2_field_value");
  CHECK(judge_trailers({{"connection", "x"}}) == "h2_connection_field");
  CHECK(judge_trailers(Fields(33, {"x", "y"})) == "trailers_too_large");
}

TEST_CASE("a cookie in crumbs that outgrows the room is refused, not cut") {
  CHECK(judge_request(get_and(Fields(100, {"cookie", std::string(100, 'c')})), true) == "head_too_large");
}
