#include "tests/h2/case.h"
#include "tests/h2/frames.h"

namespace drawbridge::h2 {
namespace {

std::string request(const Fields& fields) {
  return headers(1, fields);
}

std::string get_with(const Fields& more) {
  return request(with(get_fields(), more));
}

// A field of the GET with another value.
std::string get_but(std::string_view name, const std::string& value) {
  auto fields = get_fields();
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return request(fields);
}

std::string post_with(const Fields& more, unsigned flags = end_headers) {
  return headers(1, with(post_fields(), more), flags);
}

std::string raw_block(const std::string& bytes) {
  return frame(type_headers, whole_request, 1, bytes);
}

// `:method GET`, `:scheme http`, `:path /` from the static table, `:authority a` as a literal.
const std::string indexed_get = "\x82\x86\x84\x41\x01"s + "a";

Fields connect_fields(const std::string& protocol) {
  return {
      {":method", "CONNECT"}, {":protocol", protocol}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}};
}

}  // namespace

const std::vector<Case> message_cases{
    // HPACK.
    {"indexed fields", raw_block(indexed_get), "requests 1", "RFC 7541 6.1"},
    {"a literal that is indexed", raw_block(indexed_get + "\x40\x01x\x01y"s), "requests 1", "RFC 7541 6.2.1"},
    {"a literal with an indexed name", raw_block(indexed_get + "\x0f\x2b\x01y"s), "requests 1", "RFC 7541 6.2.2"},
    {"a literal never indexed", raw_block(indexed_get + "\x10\x01x\x01y"s), "requests 1", "RFC 7541 6.2.3"},
    {"a Huffman literal", raw_block("\x82\x86\x84\x41\x82\x1c\x64"s + ""), "requests 1", "RFC 7541 5.2"},
    {"the index 0", raw_block(indexed_get + "\x80"s), "connection COMPRESSION_ERROR", "RFC 7541 6.1"},
    {"an index beyond the tables", raw_block(indexed_get + "\xc6"s), "connection COMPRESSION_ERROR",
     "RFC 7541 2.3.3"},
    {"a name's index beyond the tables", raw_block(indexed_get + "\x7f\x10\x01y"s), "connection COMPRESSION_ERROR",
     "RFC 7541 2.3.3"},
    {"an index of too many bytes", raw_block(indexed_get + "\xff\xff\xff\xff\xff\xff\x0f"s),
     "connection COMPRESSION_ERROR", "RFC 7541 5.1"},
    {"a table size update before the fields", raw_block("\x3f\xe1\x0f"s + indexed_get), "requests 1",
     "RFC 7541 6.3"},
    {"a table size update behind a field", raw_block(indexed_get + "\x3f\xe1\x0f"s), "connection COMPRESSION_ERROR",
     "RFC 7541 4.2"},
    {"a table larger than allowed", raw_block("\x3f\xe2\x1f"s + indexed_get), "connection COMPRESSION_ERROR",
     "RFC 7541 6.3"},
    {"Huffman padding of a byte", raw_block(indexed_get + "\x00\x01x\x84\x49\x50\x9f\xff"s),
     "connection COMPRESSION_ERROR", "RFC 7541 5.2"},
    {"Huffman padding of zeros", raw_block(indexed_get + "\x00\x01x\x83\x49\x50\x90"s),
     "connection COMPRESSION_ERROR", "RFC 7541 5.2"},
    {"the end-of-string symbol", raw_block(indexed_get + "\x00\x01x\x84\xff\xff\xff\xff"s),
     "connection COMPRESSION_ERROR", "RFC 7541 5.2"},
    {"a literal that is cut", raw_block(indexed_get + "\x00\x05x"s), "connection COMPRESSION_ERROR",
     "RFC 7541 5.2"},
    {"an empty block", raw_block({}), "stream PROTOCOL_ERROR", "8.3"},
    // Requests.
    {"HEAD", get_but(":method", "HEAD"), "requests 1", "8.3.1"},
    {"POST with a body", post(1) + data(1, "test"), "requests 1", "8.1"},
    {"POST with trailers", post(1) + data(1, "test", 0) + headers(1, {{"x-sum", "1"}}), "requests 1", "8.1"},
    {"trailers that do not end the request", post(1) + headers(1, {{"x-sum", "1"}}, end_headers),
     "stream PROTOCOL_ERROR", "8.1"},
    {"an unknown method", get_but(":method", "BREW"), "requests 1", "8.3.1"},
    {"a method that is no token", get_but(":method", "G T"), "stream PROTOCOL_ERROR", "8.3.1"},
    {"a method of 100 letters", get_but(":method", std::string(100, 'A')), "answer 501", "8.3.1"},
    {"TRACE", get_but(":method", "TRACE"), "answer 405", "8.3.1"},
    {"CONNECT", request({{":method", "CONNECT"}, {":authority", "a.example:443"}}), "answer 405", "8.5"},
    {"CONNECT with a path", get_but(":method", "CONNECT"), "stream PROTOCOL_ERROR", "8.5"},
    {"CONNECT for a WebSocket", headers(1, connect_fields("websocket"), end_headers), "requests 1", "RFC 8441 4"},
    {"CONNECT for something else", headers(1, connect_fields("h2c"), end_headers), "answer 501", "RFC 8441 4"},
    {"a protocol without CONNECT", get_with({{":protocol", "websocket"}}), "stream PROTOCOL_ERROR", "RFC 8441 4"},
    {"OPTIONS *", request({{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, {":authority", "a"}}),
     "requests 1", "8.3.1"},
    {"GET *", get_but(":path", "*"), "stream PROTOCOL_ERROR", "8.3.1"},
    // Pseudo-fields.
    {"an unknown pseudo-field", request(with({{":test", "ok"}}, get_fields())), "stream PROTOCOL_ERROR", "8.3"},
    {"a pseudo-field of responses", request(with(get_fields(), {{":status", "200"}})), "stream PROTOCOL_ERROR",
     "8.3"},
    {"a pseudo-field among trailers", post(1) + data(1, "x", 0) + headers(1, {{":method", "GET"}}),
     "stream PROTOCOL_ERROR", "8.3"},
    {"a pseudo-field behind a field", request(with({{"x", "y"}}, get_fields())), "stream PROTOCOL_ERROR", "8.3"},
    {"no :method", request(without(get_fields(), ":method")), "stream PROTOCOL_ERROR", "8.3.1"},
    {"no :scheme", request(without(get_fields(), ":scheme")), "stream PROTOCOL_ERROR", "8.3.1"},
    {"no :path", request(without(get_fields(), ":path")), "stream PROTOCOL_ERROR", "8.3.1"},
    {"an empty :path", get_but(":path", ""), "stream PROTOCOL_ERROR", "8.3.1"},
    {"a :path without slash", get_but(":path", "a"), "stream PROTOCOL_ERROR", "8.3.1"},
    {"a :path that is a whole URI", get_but(":path", "http://a.example/"), "stream PROTOCOL_ERROR", "8.3.1"},
    {"a :path with a fragment", get_but(":path", "/#a"), "answer 400", "RFC 9112 3.2"},
    {"a :path with a blank", get_but(":path", "/ HTTP/1.1"), "stream PROTOCOL_ERROR", "8.3.1"},
    {"a :path with a line end", get_but(":path", "/\r\nx: y"), "stream PROTOCOL_ERROR", "8.2.1, 10.3"},
    {"a :path too long", get_but(":path", "/" + std::string(9'000, 'a')), "answer 414", "RFC 9112 3"},
    {"two :method", request(with({{":method", "GET"}}, get_fields())), "stream PROTOCOL_ERROR", "8.3.1"},
    {"two :scheme", request(with({{":scheme", "http"}}, get_fields())), "stream PROTOCOL_ERROR", "8.3.1"},
    {"two :path", request(with({{":path", "/"}}, get_fields())), "stream PROTOCOL_ERROR", "8.3.1"},
    {"two :authority", request(with({{":authority", "a.example"}}, get_fields())), "stream PROTOCOL_ERROR",
     "8.3.1"},
    {"the scheme https", get_but(":scheme", "https"), "requests 1", "8.3.1"},
    {"a scheme that we do not serve", get_but(":scheme", "ftp"), "answer 400", "8.3.1"},
    // Host and :authority.
    {"Host instead of :authority", request(with(without(get_fields(), ":authority"), {{"host", "a.example"}})),
     "requests 1", "8.3.1"},
    {"Host that agrees with :authority", get_with({{"host", "A.example:80"}}), "requests 1", "8.3.1"},
    {"Host that names another", get_with({{"host", "b.example"}}), "stream PROTOCOL_ERROR", "8.3.1"},
    {"Host twice", get_with({{"host", "a.example"}, {"host", "a.example"}}), "stream PROTOCOL_ERROR", "8.3.1"},
    {"neither Host nor :authority", request(without(get_fields(), ":authority")), "stream PROTOCOL_ERROR", "8.3.1"},
    {"an empty :authority", get_but(":authority", ""), "stream PROTOCOL_ERROR", "8.3.1"},
    {"user information in :authority", get_but(":authority", "me@a.example"), "answer 400", "8.3.1"},
    {"an :authority that is none", get_but(":authority", "a/b"), "stream PROTOCOL_ERROR", "8.3.1"},
    // Fields.
    {"an upper-case name", get_with({{"X-Test", "ok"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"an empty name", get_with({{"", "ok"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"a name with a blank", get_with({{"a b", "ok"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"a name with a colon inside", get_with({{"a:b", "ok"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"a name beyond ASCII", get_with({{"\xc3\xa4", "ok"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"a value with NUL", get_with({{"x", "a\0b"s}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"a value with LF", get_with({{"x", "a\nb"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"a value with CR LF and a field", get_with({{"x", "a\r\ntransfer-encoding: chunked"}}),
     "stream PROTOCOL_ERROR", "8.2.1, 10.3"},
    {"a value with DEL", get_with({{"x", "a\x7f"}}), "stream PROTOCOL_ERROR", "8.2.1, RFC 9110 5.5"},
    {"a value with a blank before", get_with({{"x", " a"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"a value with a tab behind", get_with({{"x", "a\t"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"a value with a tab inside", get_with({{"x", "a\tb"}}), "requests 1", "8.2.1"},
    {"a value beyond ASCII", get_with({{"x", "\xc3\xa4"}}), "requests 1", "8.2.1"},
    {"an empty value", get_with({{"x", ""}}), "requests 1", "8.2.1"},
    {"cookies in crumbs", get_with({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}}), "requests 1", "8.2.3"},
    {"Connection", get_with({{"connection", "keep-alive"}}), "stream PROTOCOL_ERROR", "8.2.2"},
    {"Keep-Alive", get_with({{"keep-alive", "timeout=5"}}), "stream PROTOCOL_ERROR", "8.2.2"},
    {"Proxy-Connection", get_with({{"proxy-connection", "close"}}), "stream PROTOCOL_ERROR", "8.2.2"},
    {"Transfer-Encoding", post_with({{"transfer-encoding", "chunked"}}), "stream PROTOCOL_ERROR", "8.2.2"},
    {"Upgrade", get_with({{"upgrade", "websocket"}}), "stream PROTOCOL_ERROR", "8.2.2"},
    {"TE: trailers", get_with({{"te", "trailers"}}), "requests 1", "8.2.2"},
    {"TE with something else", get_with({{"te", "trailers, deflate"}}), "stream PROTOCOL_ERROR", "8.2.2"},
    {"Transfer-Encoding among trailers", post(1) + headers(1, {{"transfer-encoding", "chunked"}}),
     "stream PROTOCOL_ERROR", "8.2.2"},
    {"an upper-case trailer", post(1) + headers(1, {{"X", "y"}}), "stream PROTOCOL_ERROR", "8.2.1"},
    {"more fields than are taken", get_with(Fields(101, {"x", "y"})), "answer 431", "RFC 6585 5"},
    {"a head larger than is taken", get_with(Fields(3, {"x", std::string(5'000, 'y')})), "answer 431",
     "6.5.2, 10.5.1"},
    {"Expect: 100-continue", post_with({{"expect", "100-continue"}}) + data(1, "x"), "requests 1",
     "RFC 9110 10.1.1"},
    {"another expectation", post_with({{"expect", "wonders"}}), "answer 417", "RFC 9110 10.1.1"},
    // Length.
    {"Content-Length that fits", post_with({{"content-length", "4"}}) + data(1, "te", 0) + data(1, "st"),
     "requests 1", "8.1.1"},
    {"Content-Length of one more", post_with({{"content-length", "5"}}) + data(1, "test"), "stream PROTOCOL_ERROR",
     "8.1.1"},
    {"Content-Length of one less", post_with({{"content-length", "3"}}) + data(1, "te", 0) + data(1, "st"),
     "stream PROTOCOL_ERROR", "8.1.1"},
    {"Content-Length, and trailers too early",
     post_with({{"content-length", "5"}}) + data(1, "test", 0) + headers(1, {{"x", "y"}}), "stream PROTOCOL_ERROR",
     "8.1.1"},
    {"Content-Length without a body", post_with({{"content-length", "5"}}, whole_request), "stream PROTOCOL_ERROR",
     "8.1.1"},
    {"Content-Length: 0 without a body", post_with({{"content-length", "0"}}, whole_request), "requests 1",
     "8.1.1"},
    {"Content-Length twice", post_with({{"content-length", "4"}, {"content-length", "4"}}), "stream PROTOCOL_ERROR",
     "8.1.1, RFC 9110 8.6"},
    {"Content-Length that is no number", post_with({{"content-length", "+4"}}), "stream PROTOCOL_ERROR",
     "8.1.1, RFC 9110 8.6"},
};

}  // namespace drawbridge::h2
