// Keys of [site.NAME].

#include "config/codec.h"
#include "config/config.h"
#include "config/sections.h"
#include "proxy/base/ascii.h"

namespace drawbridge::config {
namespace {

constexpr std::int64_t count_max = 10'000'000;

constexpr std::array<std::string_view, 3> initial_modes{"live", "readonly", "maintenance"};
constexpr std::array<std::string_view, 2> hold_scopes{"writes", "all"};

struct Mode {
  static constexpr std::string_view type = "choice";

  static void read(Reader& reader, const Node& node, InitialMode& out) {
    if (node.kind == NodeKind::text && node.text == "hold") {
      return reader.fail(
          node.place,
          "a site cannot start in hold, which ends by itself; start it in live, readonly or maintenance");
    }
    Choice<initial_modes>::read(reader, node, out);
  }

  static std::string show(InitialMode mode) { return Choice<initial_modes>::show(mode); }
  static std::string bounds() { return Choice<initial_modes>::bounds(); }
};

// "pass" and "upstream" are policies, anything else is a name.
void read_host(Reader& reader, const Node& node, void* owner) {
  auto& site = *static_cast<Site*>(owner);
  if (!reader.expect(node, NodeKind::text, "\"pass\", \"upstream\" or a host name")) return;
  if (node.text == "pass" || node.text == "upstream") {
    site.host = node.text == "pass" ? HostPolicy::pass : HostPolicy::upstream;
  } else if (auto name = parse_host(node.text)) {
    site.host = HostPolicy::fixed;
    site.host_name = std::move(*name);
  } else {
    static constexpr std::array<std::string_view, 2> policies{"pass", "upstream"};
    reader.fail(node.place, fmt::format("'{}' is neither \"pass\", \"upstream\" nor a host name", node.text),
                nearest(node.text, policies));
  }
}

struct HeaderValues {
  static constexpr std::string_view type = "table of texts";
  using Fields = std::vector<std::pair<std::string, std::string>>;

  static void read(Reader& reader, const Node& node, Fields& out) {
    if (!reader.expect(node, NodeKind::table, "a table such as { X-Site = \"shop\" }")) return;
    for (const auto& entry : node.children) {
      reader.enter(entry.key);
      read_field(reader, entry, out);
      reader.leave();
    }
  }

  static void read_field(Reader& reader, const Node& entry, Fields& out) {
    const auto name = parse_field_name(entry.key);
    if (!name) return reader.fail(entry.key_place, name.error().message, name.error().suggestion);
    std::string value;
    if (!reader.expect(entry, NodeKind::text, "a text in quotes")) return;
    Text<parse_field_value>::read(reader, entry, value);
    const auto same = [&](const auto& field) { return base::iequals(field.first, *name); };
    if (std::ranges::any_of(out, same))
      return reader.fail(entry.key_place, fmt::format("the header '{}' is set twice", *name));
    out.emplace_back(*name, std::move(value));
  }

  static std::string show(const Fields&) { return "{}"; }
};

constexpr auto readonly_keys = std::to_array<Key>({
    key<RuleList, &Readonly::read>(
        "read",
        "Requests that count as reads although their method does not look like it: logins, searches. They need to "
        "match in every way a server could read the path.",
        "[\"POST /login\", \"POST /search/**\"]"),
    key<RuleList, &Readonly::write>(
        "write", "Requests that count as writes although they are GETs. Looked at before `read`.",
        "[\"GET /logout\", \"GET /auth/*/callback\"]"),
    key<Name, &Readonly::page>(
        "page", "Folder in `pages_dir` with the page for refused writes. Left out: the built-in page.",
        "\"browsing\""),
    key<Duration<second, day>, &Readonly::retry_after>(
        "retry_after", "Retry-After of refused writes while the end of the mode is not known."),
});

constexpr auto hold_keys = std::to_array<Key>({
    key<Choice<hold_scopes>, &Hold::scope>(
        "scope", "What waits: \"writes\" (and tunnels), or \"all\"; `--scope` overrides it."),
    key<Number<1, count_max>, &Hold::max_requests>("max_requests",
                                                   "Most requests that wait at once. Further ones are refused."),
    key<Duration<10, day>, &Hold::max_wait>("max_wait",
                                            "Longest wait of one request. Then it is refused, also if the hold is "
                                            "over and its turn has not come. At most `max_total`, "
                                            "which it follows where it is left out.",
                                            "\"20s\""),
    key<Duration<10, day>, &Hold::max_total>("max_total",
                                             "Longest hold. Then it ends by itself. Bounds the deadline of a "
                                             "cutover, whose command may take up to eight seconds more to end."),
    key<Number<1, count_max>, &Hold::release_per_second>(
        "release_per_second",
        "Pace at which waiting requests go on when the hold ends, first come first served, those of all workers "
        "together. So many as it has in 64 ms go at once."),
});

constexpr auto maintenance_keys = std::to_array<Key>({
    key<RuleList, &Maintenance::exempt>(
        "exempt",
        "Requests that are forwarded in every mode: devices, webhooks, health checks of a balancer in front. "
        "As strict as `read` rules.",
        "[\"* /api/devices/**\", \"GET /healthz\"]"),
    key<Name, &Maintenance::page>(
        "page", "Folder in `pages_dir` with the page of this site. Left out: the built-in page.", "\"upgrading\""),
    key<Duration<second, day>, &Maintenance::retry_after>("retry_after",
                                                          "Retry-After while the end of the mode is not known."),
    key<Name, &Maintenance::pool>("pool",
                                  "A pool that answers instead of a page, such as an app of its own "
                                  "that says what is going on. Not together with `page`.",
                                  "\"notice\""),
});

constexpr auto drain_keys = std::to_array<Key>({
    key<Duration<0, day>, &Drain::timeout>(
        "timeout",
        "How long a change of mode waits for what was admitted before it. `--drain` overrides it. What is left "
        "then is listed, and cut with `--cut`.",
        "\"10s\""),
    key<Duration<0, hour>, &Drain::tunnel_spread>(
        "tunnel_spread",
        "Open WebSockets are told to go (close 1012) spread over this time, so that they do not all come back at "
        "once. At most `timeout`, which it follows where it is left out.",
        "\"10s\""),
});

constexpr auto header_edits_keys = std::to_array<Key>({
    key<HeaderValues, &HeaderEdits::set>("set", "Headers to write; they replace all of the same name.",
                                         "{ X-Site = \"shop\" }"),
    key<Texts<parse_field_name>, &HeaderEdits::remove>("remove", "Headers to take away.", "[\"X-Debug\"]"),
});

constexpr std::array<std::string_view, 2> site_certificates{"optional", "required"};

struct RedirectToHttps {
  static constexpr std::string_view type = "true, false or a port";
  static constexpr std::uint16_t usual = 443;

  static void read(Reader& reader, const Node& node, std::uint16_t& out) {
    if (node.kind == NodeKind::boolean) {
      out = node.boolean ? usual : 0;
    } else if (reader.expect(node, NodeKind::integer, "true, false or a port, without quotes")) {
      Number<1, 65'535>::read(reader, node, out);
    }
  }

  static std::string show(std::uint16_t) { return "false"; }
};

constexpr auto hsts_keys = std::to_array<Key>({
    key<Duration<0, 3'650 * day>, &Hsts::max_age>(
        "max_age", "Browsers speak only HTTPS to the site for so long. \"0s\" says nothing.", "\"365d\""),
    key<Flag, &Hsts::include_subdomains>("include_subdomains", "The same of all names below the site's."),
    key<Flag, &Hsts::preload>("preload", "The site agrees to stand in the lists that browsers bring along."),
});

constexpr Key host_key{.name = "host",
                       .type = "text",
                       .presence = Presence::optional,
                       .meaning =
                           "Host header that the servers see: \"pass\" is the client's, \"upstream\" the address "
                           "of the server, anything else a fixed name.",
                       .example = "\"shop.internal\"",
                       .read = read_host,
                       .fallback = [] { return std::string("\"pass\""); },
                       .bounds = nullptr,
                       .table = nullptr};

constexpr auto site_keys = std::to_array<Key>({
    key<SomeTexts<parse_host_pattern>, &Site::hosts>(
        "hosts",
        "Names this site answers for, without ports. \"*.example.com\" covers all names below example.com. Left "
        "out: any host that no other site names.",
        "[\"shop.example\", \"*.shop.example\"]"),
    key<SomeTexts<parse_path_prefix>, &Site::paths>(
        "paths",
        "Path prefixes of this site, in whole segments: \"/app\" covers /app and /app/x, not /apple. The "
        "host comes first: among the sites that name the host of a request the longest prefix wins; if none of "
        "theirs "
        "fits, those with the longest pattern for it are asked, at last those without `hosts`.",
        "[\"/app\", \"/static\"]"),
    key<Name, &Site::pool>(
        "pool",
        "The pool that serves this site when it starts for the first time. From then on the state file rules: see "
        "`proxyctl status`.",
        "\"blue\"", Presence::required),
    key<Mode, &Site::mode>("mode",
                           "The mode of the site when it starts for the first time: \"live\", \"readonly\" or "
                           "\"maintenance\". From then on the state file rules: change with `proxyctl mode`.",
                           "\"readonly\""),
    key<Table<readonly_section>, &Site::readonly>("readonly", "What is a write here, and how writes are refused."),
    key<Table<hold_section>, &Site::hold>("hold", "Bounds of the mode hold and of cutovers."),
    key<Table<maintenance_section>, &Site::maintenance>(
        "maintenance", "What visitors get in maintenance, and who is not concerned."),
    key<Table<drain_section>, &Site::drain>("drain", "How long changes of mode wait."),
    key<Flag, &Site::strip_prefix>(
        "strip_prefix", "true: the matched path prefix is taken away, so that /app/x reaches the server as /x.",
        "true"),
    host_key,
    key<RedirectToHttps, &Site::redirect_to_https>(
        "redirect_to_https",
        "Requests without TLS are answered with the same address under https: 301 to GET and HEAD, 308 to others. "
        "A number is the port of that address, if it is not 443. `exempt` rules of `maintenance` are served all "
        "the "
        "same.",
        "true"),
    key<Choice<site_certificates>, &Site::client_certificate>(
        "client_certificate",
        "\"required\": a client that has shown no certificate gets 403, whatever the mode and the `exempt` rules "
        "say. A listener must ask for them (`client_certificates` of its `tls`).",
        "\"required\""),
    key<Table<hsts_section>, &Site::hsts>("hsts", "Strict-Transport-Security in answers over TLS."),
    key<Table<header_edits_section>, &Site::request_headers>("request_headers",
                                                             "Headers of requests on their way to the servers."),
    key<Table<header_edits_section>, &Site::response_headers>("response_headers",
                                                              "Headers of answers on their way to the clients."),
});

}  // namespace

constexpr Section readonly_section{
    .title = "readonly",
    .meaning =
        "Rules are \"METHOD /path\": `*` is any method; in the path `*` stays inside a segment and `**` crosses "
        "segments. GET, HEAD and OPTIONS are reads, everything else is a write, unless a rule says otherwise. "
        "`proxyctl explain` shows which rule decided.",
    .keys = readonly_keys};

constexpr Section hold_section{.title = "hold",
                               .meaning = "In hold, requests wait instead of being refused, within these bounds.",
                               .keys = hold_keys};

constexpr Section maintenance_section{.title = "maintenance",
                                      .meaning = "`exempt` holds in every mode, not only in maintenance.",
                                      .keys = maintenance_keys};

constexpr Section drain_section{
    .title = "drain",
    .meaning = "Draining is the wait until what was admitted under the old mode has ended.",
    .keys = drain_keys};

constexpr Section hsts_section{
    .title = "hsts",
    .meaning = "Begin with a short `max_age`: browsers remember it, and nothing here can make them forget.",
    .keys = hsts_keys};

constexpr Section header_edits_section{
    .title = "request_headers, response_headers",
    .meaning = "Framing, hop-by-hop and forwarding headers are Drawbridge's own and cannot be named.",
    .keys = header_edits_keys};

constexpr Section site_section{
    .title = "[site.NAME]",
    .meaning =
        "What an operator switches, such as `[site.shop]`: hosts and path prefixes with one active pool and one "
        "mode. At least one is needed. Two sites cannot claim the same host and path.",
    .keys = site_keys};

}  // namespace drawbridge::config
