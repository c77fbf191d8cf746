#include "proxy/serve/exchange.h"

#include "proxy/base/ascii.h"
#include "proxy/core/answer.h"
#include "proxy/serve/admission.h"
#include "proxy/serve/failure_status.h"
#include "proxy/serve/forward.h"
#include "proxy/serve/own_answer.h"

#include <algorithm>

namespace drawbridge::serve {

Exchange::Exchange(Worker& worker, ClientChannel& channel)
    : call_{.worker = worker, .channel = channel, .since = worker.loop().now()} {}

Exchange::~Exchange() = default;

net::Task<> Exchange::run() {
  identify();
  if (call_.request().max_forwards == 0U) return answer_options();
  if (const auto reserved = core::parse_reserved_path(call_.request().path)) return answer_reserved(*reserved);
  return follow_plan();
}

void Exchange::identify() {
  const auto& head = call_.request();
  call_.keep = head.keep_alive;
  const auto& client = call_.channel.client();
  call_.client = http::effective_client(client.address, client.scheme(), head, call_.worker.snapshot().trusted);
  if (call_.client.trusted) call_.behind_proxy = http::format_ip(call_.client.address);
  call_.client_text = call_.client.trusted ? call_.behind_proxy.view() : client.address_text;
  const auto given = call_.client.trusted ? head.headers.value(http::Field::x_request_id) : std::string_view{};
  if (http::is_well_formed_request_id(given)) {
    call_.request_id = given;
  } else {
    call_.made_id = call_.worker.ids().next();
    call_.request_id = call_.made_id.view();
  }
}

net::Task<> Exchange::follow_plan() {
  admit(call_, admission_, *this);
  return call_.plan.verdict == core::Verdict::park ? park() : carry_out_plan();
}

net::Task<> Exchange::carry_out_plan() {
  if (call_.late) return answer_failure({.fault = base::Fault::proxy, .reason = base::Reason::cancelled});
  switch (call_.plan.verdict) {
    case core::Verdict::forward:
      return forward();
    case core::Verdict::refuse:
    case core::Verdict::park:
      return refuse();
    case core::Verdict::no_site:
      return answer(call_.worker.shared().errors.of(404));
    case core::Verdict::ambiguous:
      return answer(call_.worker.shared().errors.of(400));
    case core::Verdict::redirect:
      return redirect();
    case core::Verdict::no_certificate:
      return answer(call_.worker.shared().errors.of(403));
    case core::Verdict::misdirected:
      return answer(call_.worker.shared().errors.of(421));
  }
  return refuse();
}

// Gives the admission and the buffers back, waits, and is decided again under the snapshot then current. A verdict
// that is still `park` afterwards is answered: the upstream never saw a byte.
net::Task<> Exchange::park() {
  auto end = Parking::End::released;
  const auto site = call_.plan.site->id;
  const auto arrival = call_.worker.parking().arrival(call_.client_deadline());
  while (call_.plan.verdict == core::Verdict::park && end == Parking::End::released) {
    auto wait = call_.worker.parking().wait(*call_.plan.site, call_.channel, *this, arrival);
    admission_.leave();
    call_.space().rest();
    end = co_await wait;
    admit(call_, admission_, *this);
  }
  if (end != Parking::End::overflow) {
    const auto waited = call_.worker.loop().now() - arrival.since;
    call_.worker.counters().waited_in_hold(site, std::chrono::duration_cast<obs::Micros>(waited));
  }
  if (end == Parking::End::released && call_.plan.verdict == core::Verdict::refuse) {
    call_.worker.parking().waited_in_vain(call_.plan.site->id);
  }
  call_.late = end == Parking::End::late;
  const bool is_over = end == Parking::End::client_gone || end == Parking::End::shutdown || call_.late;
  if (is_over) call_.keep = false;
  // Who has waited too long for his turn is refused: to send all of them at once would be no pace.
  if ((is_over || end == Parking::End::wait_over) && call_.plan.verdict == core::Verdict::forward) withdraw();
  co_await carry_out_plan();
}

// Decided to be forwarded, but not to be sent: its client has gone or waits no more, it has waited as long as it
// may, or we are going.
void Exchange::withdraw() {
  call_.worker.counters().left(call_.plan.site->id, call_.plan.request_class);
  call_.plan.verdict = core::Verdict::park;
}

bool Exchange::still_parks(const core::Snapshot& snapshot) const {
  return core::decide(snapshot, facts_of(call_)).verdict == core::Verdict::park;
}

bool Exchange::moves(const core::Placement& to) const {
  return core::moves(call_.plan, facts_of(call_), to);
}

bool Exchange::is_at(core::ServerId server) const {
  return forward_ != nullptr && forward_->is_at(server);
}

bool Exchange::untouched() const {
  return forward_ != nullptr && forward_->untouched();
}

net::Task<> Exchange::answer_options() {
  call_.keep = call_.channel.leave_body() && call_.keep;
  const auto& head = call_.request();
  const auto strict = strict_transport_of(call_.worker.snapshot(), call_.client.scheme, head.host, head.path);
  const auto own =
      render_options(call_.worker, call_.space(),
                     {.request_id = call_.request_id, .close = !call_.keep, .strict_transport = strict});
  return send(own, own.status);
}

// Without a host there is no address to send to.
net::Task<> Exchange::redirect() {
  if (call_.request().host.empty()) return answer(call_.worker.shared().errors.of(400));
  call_.keep = call_.channel.leave_body() && call_.keep;
  const auto own = render_redirect(call_.worker, call_.space(), call_.plan.site->https_port,
                                   {.request_id = call_.request_id, .close = !call_.keep});
  return send(own, own.status);
}

// A site that is live has no page: a request that was parked, and is not to be sent though the hold is over, gets
// the answer that says so without naming a mode.
net::Task<> Exchange::refuse() {
  const auto* answers = core::answers_of(call_.plan);
  return answer(answers != nullptr ? *answers : call_.worker.no_server_answers(*call_.plan.site));
}

net::Task<> Exchange::forward() {
  const auto body_bytes_max = call_.worker.snapshot().bounds.request_body_bytes_max;
  if (body_bytes_max != 0 && call_.request().body.bytes > body_bytes_max) {
    co_await answer_failure({.fault = base::Fault::client, .reason = base::Reason::too_large});
    co_return;
  }
  Forward forward(call_);
  forward_ = &forward;
  const auto result = co_await forward.run();
  forward_ = nullptr;
  if (!result) co_await answer_failure(result.error());
}

// Once the response head is out, a failure can only show as a truncated answer. Before, also what was cut gets one:
// a connection that ends without a word on a request makes browsers send it again at once, a POST too, and the copy
// would then be refused as not processed. 502 promises nothing about what the upstream did, unless no byte has
// left.
net::Task<> Exchange::answer_failure(base::Failure failure) {
  call_.record.failure = call_.cut ? "cut" : call_.late ? "deadline" : base::name(failure.reason);
  const bool write = call_.plan.request_class == core::RequestClass::write;
  // A server that breaks off in its answer, falls silent there, or is broken off by us may still be at the write.
  if (write && call_.sent_upstream() && !call_.answer_ended)
    admission_.outcome_unknown(call_.worker.loop().now(), call_.sent_to);
  call_.keep = false;
  if (call_.cut && call_.head_sent) call_.channel.fail_answer(Broken::cut);
  if (call_.head_sent) co_return;
  if (call_.late && !call_.cut) {
    co_await answer(call_.worker.shared().errors.grpc_late());
    co_return;
  }
  const auto status = call_.cut ? std::uint16_t{502} : status_of(failure);
  if (status == 0) {
    call_.worker.counters().client_aborts.add();
    co_return;
  }
  // In maintenance the page stands in for a notice pool that cannot be reached. It promises that no server has seen
  // a byte, so it must not for one that was.
  const bool reached = !call_.record.server.empty();
  if (call_.plan.notice && !reached) {
    co_await refuse();
  } else if (failure.reason == base::Reason::no_server) {
    co_await answer(call_.worker.no_server_answers(*call_.plan.site));
  } else {
    const auto& errors = call_.worker.shared().errors;
    const bool untouched = !call_.sent_upstream() && failure.fault != base::Fault::client;
    co_await answer(untouched ? errors.untouched(status) : errors.of(status));
  }
}

net::Task<> Exchange::answer_reserved(const core::ReservedPath& path) {
  const auto& sites = call_.worker.snapshot().sites;
  const auto site = std::find_if(sites.begin(), sites.end(), [&](const auto& s) { return s->name == path.site; });
  if (site == sites.end()) return follow_plan();
  const auto& shown = (*site)->answers;
  const bool secure = call_.client.scheme == "https";
  call_.keep = call_.channel.leave_body() && call_.keep;
  const auto own = render_reserved(call_.worker, call_.space(), shown.get(), path.asset,
                                   {.request_id = call_.request_id,
                                    .close = !call_.keep,
                                    .strict_transport = secure ? (*site)->strict_transport : std::string_view{}});
  return send(own, own.status);
}

std::string_view Exchange::strict_transport() const {
  const bool said = call_.plan.site != nullptr && call_.client.scheme == "https";
  return said ? std::string_view(call_.plan.site->strict_transport) : std::string_view{};
}

net::Task<> Exchange::answer(const core::AnswerSet& answers) {
  call_.keep = call_.channel.leave_body() && call_.keep;
  const auto own = render_answer(call_.worker, call_.space(), answers,
                                 {.request_id = call_.request_id,
                                  .close = !call_.keep || call_.worker.stopping(),
                                  .write = call_.plan.request_class != core::RequestClass::read,
                                  .strict_transport = strict_transport()});
  return send(own, answers.status);
}

// `status` is what the answer means; that of its head may differ (gRPC says it in a field).
net::Task<> Exchange::send(OwnAnswer own, unsigned status) {
  const auto patience = call_.worker.snapshot().bounds.body_timeout;
  call_.record.status = status;
  call_.record.response_bytes = own.body.size();
  call_.head_sent = true;
  const auto sent = co_await call_.channel.answer(own, patience);
  if (!sent) call_.record.failure = base::name(sent.error().reason);
  call_.keep = call_.keep && sent;
  if (!call_.keep) co_return;
  const bool dropped = co_await call_.channel.drop_body(patience);
  call_.keep = dropped;
}

bool Exchange::finish() {
  const auto& head = call_.request();
  const auto& plan = call_.plan;
  auto& record = call_.record;
  auto& worker = call_.worker;
  record.at = worker.wall_now();
  record.client = call_.client_text;
  record.method = head.method_text;
  record.target = head.target;
  record.host = head.authority;
  record.version_minor = head.minor_version;
  record.http2 = head.http2;
  record.decided = true;
  record.request_class = plan.request_class;
  record.verdict = plan.verdict;
  record.why = plan.why;
  if (plan.site != nullptr) {
    record.site_id = plan.site->id;
    record.site = plan.site->name;
    record.mode = plan.site->mode.mode;
  }
  if (plan.slice != nullptr) {
    record.slice_id = plan.slice->id;
    record.slice = plan.slice->match.text();
  }
  record.total = std::chrono::duration_cast<obs::Micros>(base::SteadyClock::now() - call_.since);
  record.request_id = call_.request_id;
  record.user_agent = head.headers.value(http::Field::user_agent);
  record.referer = head.headers.value(http::Field::referer);
  if (plan.site != nullptr && plan.verdict == core::Verdict::forward) {
    worker.counters().left(plan.site->id, plan.request_class);
    worker.counters().answered(plan.pool->id, record.status);
  }
  if (call_.write_sent) worker.counters().write_ended(plan.site->id, worker.loop().now());
  worker.counters().finished(record);
  worker.log().write(record);
  admission_.leave();
  return call_.keep && !worker.stopping();
}

void Exchange::cut() {
  call_.cut = true;
  if (forward_ != nullptr && forward_->cut()) return;
  if (call_.head_sent) call_.channel.fail_answer(Broken::cut);
}

void Exchange::told_to_go(base::SteadyTime at) {
  if (forward_ != nullptr) forward_->told_to_go(at);
}

}  // namespace drawbridge::serve
