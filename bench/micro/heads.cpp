// What one request costs in this layer alone: find the end of its head, judge it, write it anew; likewise a
// response and a chunked body. Best of several rounds, in nanoseconds; a figure to compare with itself on one
// machine.
#include "proxy/base/check.h"
#include "proxy/http/chunked.h"
#include "proxy/http/forward.h"
#include "proxy/http/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

using namespace drawbridge::http;

namespace {

constexpr int rounds = 20;
constexpr int calls_per_round = 20'000;

const std::string request =
    "GET /catalogue/shoes?page=2&sort=price HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://shop.example.com/catalogue\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0af7651916cd43dd8448eb211c80319c; theme=dark\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Cache-Control: max-age=0\r\n\r\n";

const std::string response =
    "HTTP/1.1 200 OK\r\n"
    "Server: demo\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Length: 16384\r\n"
    "ETag: \"5f3e-1a2b\"\r\n"
    "Cache-Control: public, max-age=60\r\n"
    "Connection: keep-alive\r\n\r\n";

template <typename Work>
void measure(std::string_view name, Work work) {
  double best = 1e9;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int call = 0; call < calls_per_round; ++call) work();
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    best = std::min(best, spent.count() / calls_per_round);
  }
  fmt::print("{:<32} {:>8.0f} ns\n", name, best);
}

RequestHead request_head;
ResponseHead response_head;
std::array<char, 4096> buffer;

void scan(HeadScanner::Side side, const std::string& bytes) {
  HeadScanner scanner(side, HeadLimits{});
  DRAWBRIDGE_CHECK(scanner.scan(bytes).state == HeadScanner::State::complete);
}

void parse_one_request() {
  DRAWBRIDGE_CHECK(!parse_request(request, HeadLimits{}, request_head));
}
void parse_one_response() {
  DRAWBRIDGE_CHECK(!parse_response(response, {}, HeadLimits{}, response_head));
}

void write_one_request() {
  HeadWriter writer(buffer);
  write_upstream_request(writer, request_head, {.client_address = "192.0.2.1", .request_id = "0123456789abcdef"});
  DRAWBRIDGE_CHECK(!writer.overflow());
}

void write_one_response() {
  HeadWriter writer(buffer);
  write_client_response(writer, response_head, {.body = frame_response(response_head, 1).body});
  DRAWBRIDGE_CHECK(!writer.overflow());
}

void decode_one_body(std::string& body) {
  ChunkDecoder decoder;
  std::span<char> rest(body);
  auto step = decoder.step(rest);
  while (step.state == ChunkDecoder::State::data) {
    rest = rest.subspan(step.consumed);
    step = decoder.step(rest);
  }
  DRAWBRIDGE_CHECK(step.state == ChunkDecoder::State::done);
}

}  // namespace

int main() {
  fmt::print("request of {} bytes, 10 fields; response of {} bytes, 7 fields\n", request.size(), response.size());
  measure("find the end of a request", [] { scan(HeadScanner::Side::request, request); });
  measure("judge a request", parse_one_request);
  measure("write it to an upstream", write_one_request);
  measure("find the end of a response", [] { scan(HeadScanner::Side::response, response); });
  measure("judge a response", parse_one_response);
  measure("write it to a client", write_one_response);
  std::string body;
  for (int i = 0; i < 16; ++i) body += "400\r\n" + std::string(1024, 'x') + "\r\n";
  body += "0\r\n\r\n";
  measure("decode 16 chunks of 1 KiB", [&] { decode_one_body(body); });
}
