// Keys of [[listener]].

#include "config/codec.h"
#include "config/config.h"
#include "config/sections.h"

namespace drawbridge::config {
namespace {

Checked<std::string> check_ciphers(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-+!@=:._").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, fits)) return std::string(text);
  return std::unexpected(Flaw{fmt::format("'{}' is no list of ciphers", text), {}});
}

Checked<std::string> check_listen(std::string_view text) {
  return parse_address(text, AddressUse::listen);
}

struct ListenAddress : Text<check_listen> {
  static constexpr std::string_view type = "address";
};

// A single certificate stands in the table itself, several in a list.
struct ListenerTlsTable {
  static constexpr std::string_view type = "table";
  static constexpr const Section* table = &listener_tls_section;

  static void read(Reader& reader, const Node& node, ListenerTls& out) {
    if (!reader.expect(node, NodeKind::table, "a table such as { certificate = \"…\", key = \"…\" }")) return;
    reader.read_table(node, listener_tls_section, &out);
    const bool alone = node.find("certificate") != nullptr || node.find("key") != nullptr;
    if (alone && node.find("certificates") != nullptr) {
      return reader.fail(node.find("certificates")->key_place,
                         "'certificate' and 'certificates' exclude each other: list all of them");
    }
    if (!alone && node.find("certificates") == nullptr) {
      return reader.fail(node.place, "'certificate' is missing in tls");
    }
    for (const auto* wanted : {"certificate", "key"}) {
      if (alone && node.find(wanted) == nullptr)
        reader.fail(node.place, fmt::format("'{}' is missing in tls", wanted));
    }
    if (alone) out.certificates = {out.alone};
    out.alone = {};
  }

  static std::string show(const ListenerTls&) { return {}; }
};

struct Certificates {
  static constexpr std::string_view type = "list of tables";
  static constexpr const Section* table = &certificate_section;

  static void read(Reader& reader, const Node& node, std::vector<Certificate>& out) {
    if (!reader.expect(node, NodeKind::list, "a list of tables { certificate = \"…\", key = \"…\" }")) return;
    if (node.children.empty()) return reader.fail(node.place, "TLS needs at least one certificate");
    if (node.children.size() > list_items_max) {
      return reader.fail(node.place, fmt::format("the list has more than {} items", list_items_max));
    }
    for (const auto& item : node.children) reader.read_table(item, certificate_section, &out.emplace_back());
  }

  static std::string show(const std::vector<Certificate>&) { return {}; }
};

constexpr std::array<std::string_view, 2> tls_versions{"1.2", "1.3"};
constexpr std::array<std::string_view, 3> client_certificates{"none", "optional", "required"};

constexpr std::string_view certificate_meaning =
    "PEM file with the server's certificate and then the intermediate ones. It is read again when it changes.";
constexpr std::string_view key_meaning = "PEM file with the certificate's private key, without a passphrase.";
constexpr std::string_view staple_meaning =
    "DER file with the answer of the certificate's OCSP responder, sent to clients that ask, as long as it is "
    "valid. "
    "Whoever fetches it replaces the file.";

constexpr auto certificate_keys = std::to_array<Key>({
    key<FilePath, &Certificate::certificate>("certificate", certificate_meaning, "\"/etc/drawbridge/shop.pem\"",
                                             Presence::required),
    key<FilePath, &Certificate::key>("key", key_meaning, "\"/etc/drawbridge/shop.key\"", Presence::required),
    key<FilePath, &Certificate::ocsp_staple>("ocsp_staple", staple_meaning),
});

constexpr auto listener_tls_keys = std::to_array<Key>({
    key<FilePath, &ListenerTls::alone, &Certificate::certificate>("certificate", certificate_meaning,
                                                                  "\"/etc/drawbridge/shop.pem\""),
    key<FilePath, &ListenerTls::alone, &Certificate::key>("key", key_meaning, "\"/etc/drawbridge/shop.key\""),
    key<FilePath, &ListenerTls::alone, &Certificate::ocsp_staple>("ocsp_staple", staple_meaning),
    key<Certificates, &ListenerTls::certificates>(
        "certificates",
        "Several certificates, instead of `certificate` and `key`. A client is shown the one for the name it asks "
        "for: a certificate with exactly this name, else one with a wildcard for it, else the first. An ECDSA and "
        "an RSA certificate may have the same names; the client's abilities choose."),
    key<Choice<tls_versions>, &ListenerTls::min_version>("min_version",
                                                         "The oldest version of TLS that is spoken."),
    key<Text<check_ciphers>, &ListenerTls::ciphers>(
        "ciphers",
        "Ciphers of TLS 1.2 in OpenSSL's notation, best first. Left out: those with forward secrecy and "
        "authenticated "
        "encryption (ECDHE with AES-GCM or ChaCha20). TLS 1.3 has only good ones.",
        "\"ECDHE+AESGCM:ECDHE+CHACHA20\""),
    key<FilePath, &ListenerTls::client_ca>("client_ca",
                                           "PEM file with the authorities whose certificates clients may show.",
                                           "\"/etc/drawbridge/clients.pem\""),
    key<Choice<client_certificates>, &ListenerTls::client_certificates>(
        "client_certificates",
        "\"required\": clients without a certificate of `client_ca` are not let in. \"optional\": they are, but a "
        "certificate that does not verify is refused. The subject of a verified certificate goes to the servers as "
        "`X-Client-Certificate-Subject`; from clients this header is never passed on.",
        "\"required\""),
});

constexpr auto listener_keys = std::to_array<Key>({
    key<ListenAddress, &Listener::address>(
        "address", "IP address and port to listen on; IPv6 in brackets. Port 0 takes any free port.",
        "\"0.0.0.0:8080\"", Presence::required),
    key<ListenerTlsTable, &Listener::tls>("tls", "Speaks TLS here. Left out: plain HTTP."),
    key<Flag, &Listener::http2>(
        "http2", "Offers HTTP/2 to clients of TLS (ALPN). Without `tls` it says nothing: see `h2c`."),
    key<Flag, &Listener::h2c>(
        "h2c",
        "Clients without TLS may begin with HTTP/2 at once (prior knowledge), as gRPC clients "
        "in a private network do. Others speak HTTP/1.1 on the same address as before."),
    key<Flag, &Listener::proxy_protocol>(
        "proxy_protocol",
        "true: each connection begins with a header of the PROXY protocol, version 1 or 2, as balancers of TCP "
        "send it. "
        "The address in it is the client's, for `trusted_proxies`, limits and logs. Wants `proxy_protocol_from`.",
        "true"),
    key<NetworkList, &Listener::proxy_protocol_from>(
        "proxy_protocol_from", "Networks of these balancers. Connections from anywhere else are closed.",
        "[\"10.0.0.0/8\"]"),
});

}  // namespace

constexpr Section listener_section{.title = "[[listener]]",
                                   .meaning =
                                       "One address that clients connect to; write one `[[listener]]` for each. At "
                                       "least one is needed; a change of `tls` is taken by a reload, any other "
                                       "needs a restart.",
                                   .keys = listener_keys};

constexpr Section listener_tls_section{
    .title = "tls",
    .meaning =
        "TLS of a listener. Connections go on under the certificate they began with when another takes its place.",
    .keys = listener_tls_keys};

constexpr Section certificate_section{
    .title = "certificates", .meaning = "One certificate.", .keys = certificate_keys};

}  // namespace drawbridge::config
