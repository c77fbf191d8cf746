// Keys of the process: [server], [limits], [timeouts].

#include "config/codec.h"
#include "config/config.h"
#include "config/sections.h"
#include "proxy/base/limits.h"

namespace drawbridge::config {
namespace {

constexpr std::int64_t connections_max = 10'000'000;
constexpr std::int64_t http2_streams_max = 1'000;
constexpr std::uint64_t head_bytes_max = base::limits::io_buffer_bytes;
constexpr std::size_t socket_path_bytes_max = 107;  // sun_path of unix(7), without its NUL

Checked<std::string> check_access_log(std::string_view text) {
  if (text == "stdout" || text == "off" || text.starts_with('/')) {
    return text.starts_with('/') ? parse_file_path(text) : std::string(text);
  }
  static constexpr std::array<std::string_view, 2> words{"stdout", "off"};
  return std::unexpected(
      Flaw{fmt::format("'{}' is neither \"stdout\", \"off\" nor an absolute path", text), nearest(text, words)});
}

Checked<std::string> check_socket_path(std::string_view text) {
  if (text.size() <= socket_path_bytes_max) return parse_file_path(text);
  return std::unexpected(
      Flaw{fmt::format("the path of a socket cannot be longer than {} bytes", socket_path_bytes_max), {}});
}

Checked<std::string> check_group(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  if (!text.empty() && text.size() <= 32 && std::ranges::all_of(text, fits)) return std::string(text);
  return std::unexpected(Flaw{fmt::format("'{}' is not the name of a group", text), {}});
}

Checked<std::string> check_listen(std::string_view text) {
  return parse_address(text, AddressUse::listen);
}

struct ListenAddress : Text<check_listen> {
  static constexpr std::string_view type = "address";
};

struct SocketPath : Text<check_socket_path> {
  static constexpr std::string_view type = "absolute path";
};

struct Workers {
  static constexpr std::string_view type = "number or \"auto\"";

  static void read(Reader& reader, const Node& node, std::uint32_t& out) {
    if (node.kind == NodeKind::text && node.text == "auto") {
      out = 0;
    } else if (node.kind == NodeKind::integer) {
      Number<1, std::int64_t{base::limits::workers_max}>::read(reader, node, out);
    } else {
      const bool near = node.kind == NodeKind::text;
      reader.fail(node.place, "'workers' wants a number without quotes, or \"auto\"", near ? "auto" : "");
    }
  }

  static std::string show(std::uint32_t) { return "\"auto\""; }
};

constexpr std::array<std::string_view, 2> access_log_formats{"json", "combined"};

constexpr auto server_keys = std::to_array<Key>({
    key<Workers, &Server::workers>(
        "workers", "Threads that carry traffic. \"auto\" is one for each CPU the process may use.", "4"),
    key<FilePath, &Server::state_dir>("state_dir",
                                      "Folder for what is on now: modes, active pools, history. It "
                                      "must be writable and survive a reboot; a change "
                                      "that cannot be stored here is refused."),
    key<SocketPath, &Server::admin_socket>(
        "admin_socket", "Socket that proxyctl talks to. Its file mode is 0600, or 0660 when `admin_group` is set."),
    key<Text<check_group>, &Server::admin_group>(
        "admin_group",
        "Group whose members may use the admin socket. Left out: only the user proxyd runs as, and root.",
        "\"ops\""),
    key<NetworkList, &Server::trusted_proxies>("trusted_proxies",
                                               "Networks of the proxies in front of this one. Only from "
                                               "them are X-Forwarded-* and X-Request-Id believed and "
                                               "appended to; from anyone else they are replaced.",
                                               "[\"10.0.0.0/8\", \"2001:db8::/32\"]"),
    key<Text<check_access_log>, &Server::access_log>("access_log",
                                                     "\"stdout\", \"off\", or the absolute path of a file. The "
                                                     "file is opened again on SIGUSR1, for log rotation.",
                                                     "\"/var/log/drawbridge/access.log\""),
    key<Choice<access_log_formats>, &Server::access_log_format>(
        "access_log_format", "\"json\" writes one object a line, \"combined\" the format of Apache and nginx.",
        "\"combined\""),
    key<FilePath, &Server::pages_dir>("pages_dir",
                                      "Folder with your own pages, one folder a page name; see `page` "
                                      "of a site. Left out: only the built-in pages.",
                                      "\"/etc/drawbridge/pages\""),
    key<ListenAddress, &Server::metrics>("metrics",
                                         "Address that answers `GET /metrics` with Prometheus text, without "
                                         "authentication. Left out: metrics only over "
                                         "the admin socket.",
                                         "\"127.0.0.1:9100\""),
    key<Duration<0, hour>, &Server::shutdown_grace>(
        "shutdown_grace",
        "After SIGTERM what is in flight gets this long to end, then it is cut. Meanwhile newcomers are refused; "
        "where a "
        "service manager keeps the listening sockets they are served, and then wait for the next process."),
});

constexpr auto limits_keys = std::to_array<Key>({
    key<Size<1024, head_bytes_max>, &Limits::request_head_bytes>(
        "request_head_bytes", "Longest head of a request: request line and headers together. Beyond: 431."),
    key<Size<256, head_bytes_max>, &Limits::request_line_bytes>(
        "request_line_bytes",
        "Longest request line: method, path with query, version. Beyond: 414. At most `request_head_bytes`, which "
        "it "
        "follows where it is left out."),
    key<Number<1, std::int64_t{base::limits::headers_max}>, &Limits::request_headers>(
        "request_headers", "Most header lines of a request. Beyond: 431."),
    key<Number<1, http2_streams_max>, &Limits::http2_streams>(
        "http2_streams",
        "Most requests at the same time on one HTTP/2 connection. Beyond: the stream is refused, so that the "
        "client "
        "sends it again later."),
    key<Size<0, (1ULL << 50)>, &Limits::request_body_bytes>(
        "request_body_bytes",
        "Longest body of a request. Beyond: 413. \"0\" is no limit: bodies are streamed, they cost no memory here.",
        "\"100MiB\""),
    key<Size<0, (1ULL << 30)>, &Limits::request_body_rate>(
        "request_body_rate",
        "Slowest average, in bytes a second, at which a client may send a body once it has made us wait for "
        "`client_body`. Slower: 408. Only waiting for the client counts, not the time that a server takes. \"0\" "
        "is no limit: then a byte now and then holds a request, and the drain that waits for it, for ever. Calls "
        "of "
        "gRPC may be quiet (the `body` timeout of their pool bounds them), and so may any client that is being "
        "answered already."),
    key<Size<0, (1ULL << 30)>, &Limits::response_body_rate>(
        "response_body_rate",
        "Slowest average, in bytes a second, at which a client may take an answer once it has made us wait for "
        "`client_body`. Slower: the answer ends there, visibly truncated. Only waiting for the client counts. "
        "\"0\" is "
        "no limit: then whoever reads the long answer to a write drop by drop keeps the server at it, and the "
        "drain "
        "waiting, for ever."),
    key<Size<1024, head_bytes_max>, &Limits::response_head_bytes>(
        "response_head_bytes", "Longest head of an answer: status line and headers together. Beyond: 502."),
    key<Number<1, connections_max>, &Limits::connections>(
        "connections",
        "Most open client connections; fewer where the process's limit of open files does not carry them "
        "(`proxyctl "
        "doctor` says how many). Beyond, connections without a request give way; a new one that finds no place "
        "within 2s is answered 503 (with HTTP/2 by GOAWAY; before a handshake of TLS it is closed)."),
    key<Number<0, connections_max>, &Limits::connections_per_address>(
        "connections_per_address",
        "Most open connections of one client address; further ones are closed. 0 is no limit.", "200"),
});

constexpr auto timeouts_keys = std::to_array<Key>({
    key<Duration<1, hour>, &Timeouts::request_head>(
        "request_head", "A client has this long from the first to the last byte of a request head. Then: 408."),
    key<Duration<1, day>, &Timeouts::client_idle>(
        "client_idle", "A client connection without a request is closed after this time."),
    key<Duration<1, day>, &Timeouts::client_body>(
        "client_body",
        "Longest silence while a client sends its body (then: 408) or takes nothing of the answer (then: closed)."),
    key<Duration<1, 30 * day>, &Timeouts::tunnel_idle>(
        "tunnel_idle", "An upgraded connection (WebSocket) is closed when both sides are silent for this long."),
    key<Duration<1, hour>, &Timeouts::upstream, &UpstreamTimeouts::connect>(
        "upstream_connect",
        "One attempt to connect to a server. Then the next server is tried; when none is left: 502."),
    key<Duration<1, day>, &Timeouts::upstream, &UpstreamTimeouts::head>(
        "upstream_head",
        "A server has this long from the last byte of the request to the head of its answer. Then: 504."),
    key<Duration<1, day>, &Timeouts::upstream, &UpstreamTimeouts::body>(
        "upstream_body",
        "Longest silence of a server inside an answer, or while it takes nothing of the request. Then the answer "
        "is cut. "
        "Event streams need a value above their heartbeat."),
    key<Duration<1, day>, &Timeouts::upstream, &UpstreamTimeouts::idle>(
        "upstream_idle",
        "Unused connections to servers are kept this long. Stay below the keep-alive time of the servers (often "
        "5s): a "
        "server that closes first can break a request that cannot be repeated."),
});

}  // namespace

constexpr Section server_section{
    .title = "[server]",
    .meaning =
        "The process. A change of `workers`, `state_dir`, `admin_socket`, `admin_group`, `access_log`, "
        "`access_log_format` or `metrics` needs a restart; `proxyctl reload` says so.",
    .keys = server_keys};

constexpr Section limits_section{.title = "[limits]",
                                 .meaning = "Bounds on what one client may send, and on how many may connect.",
                                 .keys = limits_keys};

constexpr Section timeouts_section{
    .title = "[timeouts]",
    .meaning = "Every wait has a bound. The `upstream_*` keys hold for all pools that set none of their own.",
    .keys = timeouts_keys};

}  // namespace drawbridge::config
