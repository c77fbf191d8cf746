#include "proxy/serve/admission.h"

#include "proxy/base/ascii.h"

namespace drawbridge::serve {
namespace {

constexpr http::Field override_fields[] = {http::Field::x_http_method_override, http::Field::x_http_method,
                                           http::Field::x_method_override};

}  // namespace

core::RequestFacts facts_of(const http::RequestHead& head, const http::IpAddress* client) {
  core::RequestFacts facts{.method = head.method_text,
                           .host = head.host,
                           .path = head.path,
                           .query = head.query,
                           .overrides = {},
                           .override_repeated = false,
                           .upgrade = !head.upgrade.empty(),
                           .headers = &head.headers,
                           .client = client};
  for (std::size_t i = 0; i < std::size(override_fields); ++i) {
    if (!head.headers.has(override_fields[i])) continue;
    std::size_t lines = 0;
    for (const auto& header : head.headers.all()) lines += header.field == override_fields[i] ? 1 : 0;
    facts.overrides[i] = head.headers.value(override_fields[i]);
    facts.override_repeated = facts.override_repeated || lines > 1;
  }
  return facts;
}

core::RequestFacts facts_of(const Call& call) {
  const auto& head = call.channel.request();
  const auto& client = call.channel.client();
  auto facts = facts_of(head, &call.client.address);
  facts.secure = call.client.scheme == "https";
  facts.certified = client.certificate_subject().has_value();
  const auto asked_for = client.server_name();
  facts.other_name = !asked_for.empty() && !base::iequals(asked_for, head.host);
  return facts;
}

std::string_view strict_transport_of(const core::Snapshot& snapshot, std::string_view scheme, std::string_view host,
                                     std::string_view target) {
  if (scheme != "https" || host.empty()) return {};
  const auto path = target.starts_with('/') ? target.substr(0, target.find('?')) : std::string_view("/");
  const auto* site = core::decide(snapshot, {.method = "GET", .host = host, .path = path}).site;
  return site != nullptr ? std::string_view(site->strict_transport) : std::string_view{};
}

void admit(Call& call, core::Admission& admission, core::Admission::Owner& owner) {
  const auto& snapshot = call.worker.snapshot();
  const auto facts = facts_of(call);
  call.plan = core::decide(snapshot, facts);
  const auto& plan = call.plan;
  if (plan.site == nullptr) return;
  const bool forwarded = plan.verdict == core::Verdict::forward;
  call.worker.ledger().enter(admission,
                             {.epoch = snapshot.epoch,
                              .site = plan.site->id,
                              .site_name = &plan.site->name,
                              .request_class = plan.request_class,
                              .exempt = plan.exempt,
                              .read_tunnel = plan.request_class == core::RequestClass::tunnel && !plan.told_to_go,
                              .answered = !forwarded,
                              .since = call.since,
                              .id = call.request_id,
                              .facts = facts,
                              .owner = &owner});
  if (!forwarded) return;
  call.worker.counters().entered(plan.site->id, plan.request_class);
  // Writes are counted when they leave for a server (serve/forward): a rollback asks how many have.
  const bool reads = plan.request_class == core::RequestClass::read;
  if (plan.slice != nullptr && reads) call.worker.counters().entered_slice(plan.slice->id, plan.request_class);
}

}  // namespace drawbridge::serve
