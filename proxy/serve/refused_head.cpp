#include "proxy/serve/refused_head.h"

#include "proxy/serve/admission.h"
#include "proxy/serve/own_answer.h"

#include <cstdint>
#include <string_view>

namespace drawbridge::serve {
namespace {

base::Reason reason_of(std::uint16_t status) {
  if (status == 408) return base::Reason::timed_out;
  return status == 414 || status == 431 ? base::Reason::too_large : base::Reason::malformed;
}

}  // namespace

net::Task<> answer_refused_head(Worker& worker, ClientChannel& channel, http::Refusal refusal) {
  const auto status = refusal.status;
  const auto& head = channel.request();
  const auto id = worker.ids().next();
  const auto& client = channel.client();
  const auto own =
      render_answer(worker, channel.space(), worker.shared().errors.of(status),
                    {.request_id = id.view(),
                     .close = true,
                     .allow = status == 405 ? http::allowed_methods : std::string_view{},
                     // Its Host may be what is wrong: whom the client means, it has said when it began TLS.
                     .strict_transport = strict_transport_of(worker.snapshot(), client.scheme(),
                                                             client.server_name(), head.target)});
  obs::Record record{.at = worker.wall_now(),
                     .client = client.address_text,
                     .method = head.method_text,
                     .target = head.target,
                     .host = head.authority,
                     .status = status,
                     .failure = refusal.rule};
  record.version_minor = head.minor_version;
  record.http2 = head.http2;
  record.request_id = id.view();
  record.response_bytes = own.body.size();
  worker.counters().head_refused(reason_of(status));
  worker.counters().finished(record);
  worker.log().write(record);
  [[maybe_unused]] const auto sent = co_await channel.answer(own, worker.snapshot().bounds.body_timeout);
}

}  // namespace drawbridge::serve
