#include "bench/load/client/options.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string_view>

namespace drawbridge::bench {
namespace {

[[noreturn]] void wrong(const std::string& what) {
  std::fprintf(stderr, "bench_client: %s\n", what.c_str());
  std::exit(2);
}

template <class T>
T number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) wrong("not a number: " + std::string(text));
  return value;
}

void add_hosts(Options& options, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) options.hosts.push_back("site" + std::to_string(i) + ".bench");
}

using Setter = std::function<void(Options&, std::string_view)>;

const std::map<std::string_view, Setter>& words() {
  static const std::map<std::string_view, Setter> all = {
      {"--port", [](Options& o, std::string_view v) { o.port = number<std::uint16_t>(v); }},
      {"--connections", [](Options& o, std::string_view v) { o.connections = number<std::size_t>(v); }},
      {"--seconds", [](Options& o, std::string_view v) { o.seconds = number<double>(v); }},
      {"--warm", [](Options& o, std::string_view v) { o.warm_seconds = number<double>(v); }},
      {"--rate", [](Options& o, std::string_view v) { o.rate = number<double>(v); }},
      {"--method", [](Options& o, std::string_view v) { o.method = v; }},
      {"--path", [](Options& o, std::string_view v) { o.path = v; }},
      {"--body-bytes", [](Options& o, std::string_view v) { o.body_bytes = number<std::size_t>(v); }},
      {"--accept", [](Options& o, std::string_view v) { o.accept = v; }},
      {"--host", [](Options& o, std::string_view v) { o.hosts.emplace_back(v); }},
      {"--sites", [](Options& o, std::string_view v) { add_hosts(o, number<std::size_t>(v)); }},
      {"--status", [](Options& o, std::string_view v) { o.status = number<int>(v); }},
      {"--other-status", [](Options& o, std::string_view v) { o.other_status = number<int>(v); }},
      {"--answer-bytes",
       [](Options& o, std::string_view v) { o.answer_bytes_min = o.answer_bytes_max = number<std::uint64_t>(v); }},
      {"--answer-bytes-max", [](Options& o, std::string_view v) { o.answer_bytes_max = number<std::uint64_t>(v); }},
  };
  return all;
}

bool read_flag(Options& options, std::string_view word) {
  if (word == "--close") return options.close = true;
  if (word == "--tls") return options.tls = true;
  if (word == "--idle") return options.idle = true;
  return false;
}

}  // namespace

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (read_flag(options, word)) continue;
    const auto found = words().find(word);
    if (found == words().end()) wrong("unknown word " + std::string(word));
    if (++i == argc) wrong("a value is missing after " + std::string(word));
    found->second(options, argv[i]);
  }
  if (options.hosts.empty()) options.hosts.emplace_back("bench");
  if (options.port == 0 || options.connections == 0) wrong("--port and --connections are needed");
  return options;
}

}  // namespace drawbridge::bench
