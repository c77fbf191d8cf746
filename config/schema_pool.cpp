// Keys of [pool.NAME].

#include "config/codec.h"
#include "config/config.h"
#include "config/sections.h"

namespace drawbridge::config {
namespace {

constexpr std::int64_t count_max = 10'000'000;
constexpr std::int64_t weight_max = 1'000;

Checked<std::string> check_connect(std::string_view text) {
  return parse_address(text, AddressUse::connect);
}

struct ConnectAddress : Text<check_connect> {
  static constexpr std::string_view type = "address";
};

constexpr std::array<std::string_view, 3> protocols{"http1", "h2c", "h2"};
constexpr std::array<std::string_view, 3> send_proxies{"off", "v1", "v2"};
constexpr std::array<std::string_view, 2> balances{"round_robin", "least_requests"};

// Each server is an address, or a table with more to say.
struct Servers {
  static constexpr std::string_view type = "list of addresses or tables";
  static constexpr const Section* table = &pool_server_section;

  static void read(Reader& reader, const Node& node, std::vector<PoolServer>& out) {
    if (!reader.expect(node, NodeKind::list, "a list of addresses, such as [\"127.0.0.1:9001\"]")) return;
    if (node.children.empty()) return reader.fail(node.place, "a pool needs at least one server");
    if (node.children.size() > list_items_max) {
      return reader.fail(node.place, fmt::format("the list has more than {} items", list_items_max));
    }
    for (const auto& item : node.children) {
      PoolServer server;
      if (item.kind == NodeKind::table) {
        reader.read_table(item, pool_server_section, &server);
      } else {
        Text<check_connect>::read(reader, item, server.address);
      }
      if (server.address.empty()) continue;
      if (std::ranges::find(out, server.address, &PoolServer::address) != out.end()) {
        reader.fail(item.place, fmt::format("the server '{}' stands in the pool twice", server.address));
      } else {
        out.push_back(std::move(server));
      }
    }
  }

  static std::string show(const std::vector<PoolServer>&) { return {}; }
};

constexpr auto pool_server_keys = std::to_array<Key>({
    key<ConnectAddress, &PoolServer::address>(
        "address",
        "Host and port; IPv6 in brackets. A name stands for all its addresses and is looked up again and again.",
        "\"127.0.0.1:9001\"", Presence::required),
    key<Number<1, weight_max>, &PoolServer::weight>(
        "weight", "Share of the traffic: a server of weight 2 gets twice that of weight 1.", "2"),
    key<Number<0, count_max>, &PoolServer::max_connections>(
        "max_connections",
        "Most requests in flight at the server, over all workers. Beyond, other servers are asked; if none is "
        "left: "
        "503. 0 is no limit.",
        "500"),
});

constexpr auto health_keys = std::to_array<Key>({
    key<Flag, &Health::active>("active",
                               "false: Drawbridge makes no checks of its own; then only `passive_fall` counts."),
    key<Text<parse_request_path>, &Health::path>("path",
                                                 "Asked with GET, in the protocol of the pool; status 200 to 399 "
                                                 "is healthy. Left out: a connection that opens is healthy, "
                                                 "if the server takes how it begins (TLS, HTTP/2, a PROXY header).",
                                                 "\"/healthz\""),
    key<Flag, &Health::grpc>(
        "grpc",
        "true: the check is grpc.health.v1.Health/Check of the whole server, over HTTP/2; SERVING "
        "is healthy. `path` is not asked then."),
    key<Text<parse_host>, &Health::host>("host", "Host header of the check. Left out: the address of the server.",
                                         "\"shop.example\""),
    key<Duration<100, hour>, &Health::interval>("interval", "Pause between two checks of a server."),
    key<Duration<10, 5 * minute>, &Health::timeout>("timeout", "A check that takes longer has failed."),
    key<Number<1, weight_max>, &Health::rise>("rise", "Good checks in a row that bring a server back."),
    key<Number<1, weight_max>, &Health::fall>("fall", "Bad checks in a row that take a server out."),
    key<Number<0, weight_max>, &Health::passive_fall>(
        "passive_fall",
        "Real requests in a row that failed to connect or broke off, and take a server out. 0: they never do."),
    key<Duration<100, hour>, &Health::passive_pause>(
        "passive_pause",
        "How long a server taken out by `passive_fall` gets no requests, unless a check finds it healthy."),
});

// The default is what [timeouts] says, which a default owner does not know.
template <std::int64_t min_ms, std::int64_t max_ms>
struct Inherited : Duration<min_ms, max_ms> {
  static std::string show(base::Millis) { return {}; }
};

constexpr auto upstream_timeouts_keys = std::to_array<Key>({
    key<Inherited<1, hour>, &UpstreamTimeouts::connect>("connect", "As `upstream_connect` of [timeouts].",
                                                        "\"1s\""),
    key<Inherited<1, day>, &UpstreamTimeouts::head>("head", "As `upstream_head` of [timeouts].", "\"10m\""),
    key<Inherited<1, day>, &UpstreamTimeouts::body>("body", "As `upstream_body` of [timeouts].", "\"5m\""),
    key<Inherited<1, day>, &UpstreamTimeouts::idle>("idle", "As `upstream_idle` of [timeouts].", "\"30s\""),
});

// That it stands there says it all: the keys inside may be left out.
struct PoolTlsTable {
  static constexpr std::string_view type = "table";
  static constexpr const Section* table = &pool_tls_section;

  static void read(Reader& reader, const Node& node, PoolTls& out) {
    if (!reader.expect(node, NodeKind::table, "a table such as {} or { ca = \"…\" }")) return;
    out.on = true;
    reader.read_table(node, pool_tls_section, &out);
  }

  static std::string show(const PoolTls&) { return {}; }
};

Checked<std::string> check_server_name(std::string_view text) {
  auto name = parse_host_pattern(text);
  if (!name || !name->starts_with('*')) return name;
  return std::unexpected(Flaw{fmt::format("'{}' is no name of one server", text), {}});
}

constexpr std::array<std::string_view, 2> tls_versions{"1.2", "1.3"};

constexpr auto pool_tls_keys = std::to_array<Key>({
    key<Flag, &PoolTls::verify>("verify",
                                "false: any certificate will do. Then nobody knows who the server is; for tests."),
    key<FilePath, &PoolTls::ca>(
        "ca",
        "PEM file with the authorities that may have signed the servers' certificates. Left out: the system's.",
        "\"/etc/drawbridge/internal-ca.pem\""),
    key<Text<check_server_name>, &PoolTls::server_name>("server_name",
                                                        "Name that is asked for (SNI) and that the certificate "
                                                        "must bear. Left out: the host of the server's address.",
                                                        "\"app.internal\""),
    key<FilePath, &PoolTls::certificate>("certificate",
                                         "PEM file with a certificate to show to servers that ask for one.",
                                         "\"/etc/drawbridge/proxy.pem\""),
    key<FilePath, &PoolTls::key>("key", "PEM file with the key of `certificate`, without a passphrase.",
                                 "\"/etc/drawbridge/proxy.key\""),
    key<Choice<tls_versions>, &PoolTls::min_version>("min_version", "The oldest version of TLS that is spoken."),
});

constexpr auto pool_keys = std::to_array<Key>({
    key<Servers, &Pool::servers>("servers", "The servers: addresses, or tables with the keys below.",
                                 "[\"127.0.0.1:9001\", { address = \"127.0.0.1:9002\", weight = 2 }]",
                                 Presence::required),
    key<Choice<balances>, &Pool::balance>(
        "balance",
        "\"least_requests\" picks the server with the fewest requests in flight, \"round_robin\" one after the "
        "other; both respect weights.",
        "\"round_robin\""),
    key<Choice<protocols>, &Pool::protocol>(
        "protocol",
        "What the servers speak. \"h2\" is HTTP/2 over TLS, which they must agree to (ALPN) and which wants `tls`; "
        "\"h2c\" is HTTP/2 on plain TCP, without upgrade. Each worker then needs few connections, and each carries "
        "many requests, as servers of gRPC have it.",
        "\"http1\""),
    key<Choice<send_proxies>, &Pool::send_proxy>(
        "send_proxy",
        "Connections to the servers begin with a header of the PROXY protocol, version 1 (text) or 2 (binary). It "
        "names the client and where it connected; TLS comes behind it. A kept connection then serves the same "
        "client's requests only, and no other's. Health checks speak for themselves (UNKNOWN, LOCAL). Not with "
        "HTTP/2, where one connection is for many clients.",
        "\"v2\""),
    key<Table<health_section>, &Pool::health>("health", "How broken servers are noticed."),
    key<PoolTlsTable, &Pool::tls>("tls", "Speaks TLS to the servers, and verifies them. Left out: plain TCP."),
    key<Table<upstream_timeouts_section>, &Pool::timeouts>(
        "timeouts", "Time-outs of this pool, where they differ from [timeouts]."),
    key<Duration<second, day>, &Pool::resolve_interval>("resolve_interval",
                                                        "Host names of servers are looked up again this often."),
    key<Number<0, 10'000>, &Pool::idle_connections>(
        "idle_connections",
        "Unused connections that each worker keeps open to each address, for the next request."),
    key<Flag, &Pool::drawbridge>(
        "drawbridge",
        "true: the servers are Drawbridges themselves, and the `Drawbridge-Not-Processed` of their refusals is "
        "passed "
        "on. From other servers it is taken out: clients would repeat writes on the word of an application."),
});

}  // namespace

constexpr Section pool_server_section{.title = "servers",
                                      .meaning = "A server of the pool, when it is written as a table.",
                                      .keys = pool_server_keys};

constexpr Section pool_tls_section{
    .title = "tls",
    .meaning = "TLS to the servers of a pool; `tls = {}` where the defaults are right. Health checks speak it too.",
    .keys = pool_tls_keys};

constexpr Section health_section{
    .title = "health",
    .meaning = "Active checks go to each server of the pool, whether a site uses the pool or not.",
    .keys = health_keys};

constexpr Section upstream_timeouts_section{.title = "timeouts",
                                            .meaning = "A key that is left out is taken from [timeouts].",
                                            .keys = upstream_timeouts_keys};

constexpr Section pool_section{
    .title = "[pool.NAME]",
    .meaning = "A named set of servers, such as `[pool.blue]` and `[pool.green]`. At least one is needed.",
    .keys = pool_keys};

}  // namespace drawbridge::config
