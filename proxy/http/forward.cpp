#include "proxy/http/forward.h"

#include "proxy/base/ascii.h"
#include "proxy/http/grpc.h"

#include <algorithm>
#include <array>

namespace drawbridge::http {
namespace {

// A bit for each field.
using FieldSet = std::uint64_t;
static_assert(field_count <= 64);

constexpr FieldSet set_of(std::initializer_list<Field> fields) {
  FieldSet set = 0;
  for (const auto field : fields) set |= FieldSet{1} << static_cast<unsigned>(field);
  return set;
}

// Written anew from parsed values, or not at all. `TE` goes because our upstream side does not depend on what the
// client can take: trailers that come are passed on, and one may always do without them (RFC 9110 section 6.5.1).
constexpr FieldSet not_copied_to_upstream = set_of({
    Field::host,
    Field::connection,
    Field::content_length,
    Field::transfer_encoding,
    Field::te,
    Field::trailer,
    Field::upgrade,
    Field::expect,
    Field::keep_alive,
    Field::proxy_connection,
    Field::proxy_authenticate,
    Field::proxy_authorization,
    Field::proxy_authentication_info,
    Field::http2_settings,
    Field::x_forwarded_for,
    Field::x_forwarded_proto,
    Field::x_forwarded_host,
    Field::forwarded,
    Field::x_request_id,
    Field::x_client_certificate_subject,
});

constexpr FieldSet not_copied_to_client = set_of({
    Field::connection,
    Field::content_length,
    Field::transfer_encoding,
    Field::te,
    Field::trailer,
    Field::upgrade,
    Field::keep_alive,
    Field::proxy_connection,
    Field::proxy_authenticate,
    Field::proxy_authorization,
    Field::proxy_authentication_info,
    Field::http2_settings,
    Field::drawbridge_not_processed,
});

bool in(FieldSet set, Field field) {
  return (set >> static_cast<unsigned>(field) & 1) != 0;
}

// As CGI and its heirs tell names apart: a client must not undercut X-Site with X_Site.
bool same_for_cgi(std::string_view a, std::string_view b) {
  const auto folded = [](char c) { return c == '_' ? '-' : base::to_lower(c); };
  return std::ranges::equal(a, b, {}, folded, folded);
}

bool edited(const FieldEdits& edits, const Header& header) {
  if (is_managed(header.field)) return false;
  const auto is_name = [&](std::string_view name) { return same_for_cgi(name, header.name); };
  return std::ranges::any_of(edits.remove, is_name) || std::ranges::any_of(edits.set, is_name, &FieldSetting::name);
}

// Field lines that stand one after the other and pass as they came are copied together.
class Copier {
 public:
  explicit Copier(HeadWriter& writer) : writer_(writer) {}
  void add(const Header& header) {
    if (!header.verbatim) return add_written(header);
    if (header.name.data() != end_) {
      flush();
      begin_ = header.name.data();
    }
    end_ = header.value.data() + header.value.size() + 2;
  }
  void flush() {
    if (begin_ != end_) writer_.text({begin_, end_});
    begin_ = end_ = nullptr;
  }

 private:
  void add_written(const Header& header) {
    flush();
    writer_.field(header.name, header.value);
  }

  HeadWriter& writer_;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
};

void write_copies(HeadWriter& writer, const HeaderList& headers, FieldSet not_copied, const FieldEdits& edits,
                  std::string_view grpc_timeout = {}) {
  const bool has_edits = !edits.set.empty() || !edits.remove.empty();
  Copier copier(writer);
  for (const auto& header : headers.all()) {
    if (header.hop_by_hop || in(not_copied, header.field)) continue;
    if (has_edits && edited(edits, header)) continue;
    if (grpc_timeout.empty() || !base::iequals(header.name, grpc_timeout_name)) {
      copier.add(header);
      continue;
    }
    auto shortened = header;
    shortened.value = grpc_timeout;
    shortened.verbatim = false;
    copier.add(shortened);
  }
  copier.flush();
  for (const auto& setting : edits.set) {
    if (!is_managed(field_of(setting.name))) writer.field(setting.name, setting.value);
  }
}

void write_lines(HeadWriter& writer, const HeaderList& headers, Field field) {
  if (!headers.has(field)) return;
  for (const auto& header : headers.all()) {
    if (header.field == field) writer.field(name(field), header.value);
  }
}

void write_length(HeadWriter& writer, std::uint64_t bytes) {
  writer.text("Content-Length: ");
  writer.decimal(bytes);
  writer.end_line();
}

// Trailer announces what comes after the last chunk; without chunks it would announce what cannot come.
void write_framing(HeadWriter& writer, const Body& body, const HeaderList& headers) {
  switch (body.kind) {
    case Body::Kind::sized:
      write_length(writer, body.bytes);
      break;
    case Body::Kind::chunked:
      writer.text("Transfer-Encoding: chunked\r\n");
      write_lines(writer, headers, Field::trailer);
      break;
    case Body::Kind::none:
    case Body::Kind::until_close:
      break;
  }
}

void write_request_line(HeadWriter& writer, const RequestHead& head, const ForwardSpec& spec) {
  writer.text(head.method_text);
  writer.text(" ");
  writer.text(spec.path.empty() ? head.path : spec.path);
  if (head.has_query) {
    writer.text("?");
    writer.text(head.query);
  }
  writer.text(" HTTP/1.1\r\nHost: ");
  if (!spec.host.empty()) {
    writer.text(spec.host);
  } else {
    writer.text(head.authority.empty() ? spec.fallback_host : head.authority);
  }
  writer.end_line();
}

void write_forwarded_for(HeadWriter& writer, const RequestHead& head, const ForwardSpec& spec) {
  writer.text("X-Forwarded-For: ");
  if (spec.client_trusted && head.headers.has(Field::x_forwarded_for)) {
    for (const auto& header : head.headers.all()) {
      if (header.field != Field::x_forwarded_for || header.value.empty()) continue;
      writer.text(header.value);
      writer.text(", ");
    }
  }
  writer.text(spec.client_address);
  writer.end_line();
}

void write_forwarded(HeadWriter& writer, const RequestHead& head, const ForwardSpec& spec) {
  write_forwarded_for(writer, head, spec);
  const auto believed = [&](Field field) {
    return spec.client_trusted ? head.headers.value(field) : std::string_view{};
  };
  const auto scheme = believed(Field::x_forwarded_proto);
  writer.text("X-Forwarded-Proto: ");
  writer.text(scheme.empty() ? spec.scheme : scheme);
  writer.end_line();
  const auto host = believed(Field::x_forwarded_host);
  if (!host.empty() || !head.authority.empty()) {
    writer.text("X-Forwarded-Host: ");
    writer.text(host.empty() ? head.authority : host);
    writer.end_line();
  }
  if (spec.client_trusted) write_lines(writer, head.headers, Field::forwarded);
  const auto subject = spec.client_certificate_subject;
  if (subject) writer.field(name(Field::x_client_certificate_subject), *subject);
}

template <class Head>
void write_via(HeadWriter& writer, const Head& head) {
  if (head.http2) {
    writer.text("Via: 2.0 drawbridge\r\n");
  } else if (head.minor_version == 1) {
    writer.text("Via: 1.1 drawbridge\r\n");
  } else {
    writer.text("Via: 1.0 drawbridge\r\n");
  }
}

void write_date(HeadWriter& writer, std::string_view date) {
  writer.text("Date: ");
  writer.text(date);
  writer.end_line();
}

void write_request_id(HeadWriter& writer, std::string_view id) {
  if (id.empty()) return;
  writer.text("X-Request-Id: ");
  writer.text(id);
  writer.end_line();
}

void write_upgrade(HeadWriter& writer, std::string_view protocol) {
  writer.text("Connection: upgrade\r\n");
  writer.field("Upgrade", protocol);
}

void write_status_line(HeadWriter& writer, const ResponseHead& head) {
  const auto digit = [&](unsigned unit) { return static_cast<char>('0' + head.status / unit % 10); };
  const std::array code{digit(100), digit(10), digit(1), ' '};
  writer.text("HTTP/1.1 ");
  writer.text({code.data(), code.size()});
  writer.text(head.reason);
  writer.end_line();
}

// Whether the client connection stays is said only where the version does not say it already.
void write_persistence(HeadWriter& writer, const ResponseHead& head, const ResponseSpec& spec) {
  if (!head.upgrade.empty()) {
    writer.text(spec.keep_alive ? "Connection: upgrade\r\n" : "Connection: close, upgrade\r\n");
    writer.field("Upgrade", head.upgrade);
  } else if (!spec.keep_alive || spec.body.kind == Body::Kind::until_close) {
    writer.text("Connection: close\r\n");
  } else if (spec.client_minor_version == 0) {
    writer.text("Connection: keep-alive\r\n");
  }
}

}  // namespace

void write_upstream_request(HeadWriter& writer, const RequestHead& head, const ForwardSpec& spec) {
  write_request_line(writer, head, spec);
  auto not_copied = not_copied_to_upstream;
  if (head.max_forwards) not_copied |= set_of({Field::max_forwards});
  if (!spec.websocket_key.empty()) {
    not_copied |= set_of({Field::sec_websocket_key});
    writer.field("Sec-WebSocket-Key", spec.websocket_key);
  }
  write_copies(writer, head.headers, not_copied, spec.edits, spec.grpc_timeout);
  if (head.max_forwards) writer.field("Max-Forwards", std::max<std::uint32_t>(*head.max_forwards, 1) - 1);
  write_framing(writer, head.body, head.headers);
  if (head.expects_continue) writer.text("Expect: 100-continue\r\n");
  write_forwarded(writer, head, spec);
  write_via(writer, head);
  write_request_id(writer, spec.request_id);
  if (spec.tunnel && !head.upgrade.empty()) write_upgrade(writer, head.upgrade);
  writer.end_line();
}

ResponseFraming frame_response(const ResponseHead& head, std::uint8_t client_minor_version) {
  switch (head.body.kind) {
    case Body::Kind::none:
    case Body::Kind::sized:
      return {.body = head.body, .must_close = false};
    case Body::Kind::chunked:
    case Body::Kind::until_close:
      break;
  }
  if (client_minor_version == 1) return {.body = {.kind = Body::Kind::chunked}, .must_close = false};
  return {.body = {.kind = Body::Kind::until_close}, .must_close = true};
}

void write_client_response(HeadWriter& writer, const ResponseHead& head, const ResponseSpec& spec) {
  write_status_line(writer, head);
  if (head.status < 200) {
    write_copies(writer, head.headers, not_copied_to_client, {});
    if (head.status == 101) write_upgrade(writer, head.upgrade);
    writer.end_line();
    return;
  }
  auto not_copied = not_copied_to_client;
  if (spec.not_processed) not_copied &= ~set_of({Field::drawbridge_not_processed});
  if (!spec.request_id.empty()) not_copied |= set_of({Field::x_request_id});
  write_copies(writer, head.headers, not_copied, spec.edits);
  if (spec.body.kind == Body::Kind::none && head.has_content_length && head.status != 204) {
    write_length(writer, head.content_length);
  } else {
    write_framing(writer, spec.body, head.headers);
  }
  if (!head.headers.has(Field::date) && !spec.date.empty()) write_date(writer, spec.date);
  write_via(writer, head);
  write_request_id(writer, spec.request_id);
  write_persistence(writer, head, spec);
  writer.end_line();
}

}  // namespace drawbridge::http
