#include "tests/stage/reconcile.h"

#include "proxy/base/ascii.h"
#include "proxy/core/retry.h"
#include "tests/stage/naive_reader.h"
#include "tests/stage/request_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

namespace drawbridge::stage {
namespace {

using Extent = Message::Extent;

constexpr std::string_view override_fields[] = {"x-http-method-override", "x-http-method", "x-method-override"};

// A request as a server saw it, with what that server said to it.
struct Exchange {
  Message request;
  Message answer;
  const Wire* wire = nullptr;
  std::size_t begin = 0;       // of the request, in what the server received
  std::size_t answer_end = 0;  // in what the server sent
  std::uint64_t tick = 0;      // when its first byte came

  std::string_view id() const { return request.field("x-request-id"); }
  std::uint64_t last_tick() const {
    const auto end = request.extent == Extent::whole ? begin + request.end : wire->received().size();
    return wire->tick_of(end - 1);
  }
};

std::string site_of(std::string_view host_field) {
  auto host = std::string(host_field.substr(0, host_field.find(':')));
  if (host.ends_with('.')) host.pop_back();
  std::transform(host.begin(), host.end(), host.begin(), base::to_lower);
  return host;
}

bool is_read_method(std::string_view method) {
  return base::iequals(method, "GET") || base::iequals(method, "HEAD") || base::iequals(method, "OPTIONS");
}

// What any operator would call a write, by the plainest reading.
bool is_write(const Message& request) {
  const auto overridden = [&](std::string_view name) {
    return request.has(name) && !is_read_method(request.field(name));
  };
  return !is_read_method(request.method()) || request.has("upgrade") ||
         request.method_and_target() == "GET /logout" ||
         std::any_of(std::begin(override_fields), std::end(override_fields), overridden) ||
         request.first_line.contains("?_method=POST ");
}

Message final_answer(const Wire& wire, std::size_t& at, std::string_view method) {
  const bool ended = !wire.open() || wire.broken();
  for (;;) {
    auto answer = read_response(std::string_view(wire.sent()).substr(at), method, ended);
    if (answer.extent == Extent::whole) at += answer.end;
    if (answer.extent != Extent::whole || !answer.interim()) return answer;
  }
}

class Books {
 public:
  explicit Books(const Stage& stage)
      : stage_(stage), judged_(judge_requests(stage.client().sent(), stage.client().sent().size())) {}

  std::vector<std::string> compare() {
    read_responses();
    for (const auto& wire : stage_.upstreams()) read_exchanges(wire);
    std::sort(exchanges_.begin(), exchanges_.end(), [](const auto& a, const auto& b) { return a.tick < b.tick; });
    check_seen();
    check_repeats();
    for (const auto& exchange : exchanges_) check_mode(exchange);
    for (std::size_t i = 0; i < responses_.size(); ++i) check_response(i);
    check_all_answered();
    check_end();
    check_unknown();
    check_tunnel();
    check_witness();
    return std::move(complaints_);
  }

 private:
  // What the judge accepted as the request with that number; null if nothing.
  const Judged* account(std::size_t number) const {
    if (number < judged_.requests.size()) return &judged_.requests[number];
    const bool last = number == judged_.requests.size() && !judged_.unfinished.empty();
    return last ? &judged_.unfinished.front() : nullptr;
  }
  bool whole_account(std::size_t number) const { return number < judged_.requests.size(); }

  void read_responses() {
    const std::string_view all = stage_.client().received();
    std::size_t at = 0;
    while (at < all.size()) {
      const auto* asked = account(responses_.size());
      auto response = read_response(all.substr(at), asked != nullptr ? asked->method : "GET", true);
      // The sender of a head that was refused may have meant HEAD.
      const bool ends_here = response.extent != Extent::whole || at + response.end == all.size();
      if (asked == nullptr && !ends_here) complain("bytes follow a refusal", response.first_line);
      if (asked == nullptr && response.head_read && response.body.empty()) response.extent = Extent::whole;
      if (response.extent == Extent::malformed) {
        complain("the client received what is no response", response.first_line);
      }
      if (!response.interim()) responses_.push_back(response);
      if (response.extent != Extent::whole || asked == nullptr) break;
      at += response.end;
      if (response.status() == 101) {
        tunnel_down_ = all.substr(at);
        break;
      }
    }
    for (std::size_t i = 0; i + 1 < responses_.size(); ++i) {
      if (base::iequals(responses_[i].field("connection"), "close")) complain("a response follows a last one");
    }
  }

  void read_exchanges(const Wire& wire) {
    std::size_t answered = 0;
    for (std::size_t at = 0; at < wire.received().size();) {
      Exchange exchange{.request = read_request(std::string_view(wire.received()).substr(at)),
                        .answer = {},
                        .wire = &wire,
                        .begin = at};
      if (exchange.request.extent == Extent::malformed)
        complain("a server received what is no request", exchange.request.first_line);
      if (!exchange.request.head_read) return;
      exchange.tick = wire.tick_of(at);
      exchange.answer = final_answer(wire, answered, exchange.request.method());
      exchange.answer_end = answered;
      at += exchange.request.end;
      const bool last = exchange.request.extent != Extent::whole;
      const bool tunnel = exchange.request.has("upgrade") && exchange.answer.status() == 101 && client_switched();
      auto& kept = exchange.tick < stage_.witness_from() ? exchanges_ : witnessed_;
      kept.push_back(std::move(exchange));
      if (tunnel) tunnel_ = kept.size() - 1;
      if (last || tunnel) return;
    }
  }

  bool client_switched() const { return !responses_.empty() && responses_.back().status() == 101; }

  std::optional<std::size_t> response_with(std::string_view id) const {
    for (std::size_t i = 0; i < responses_.size(); ++i) {
      if (responses_[i].field("x-request-id") == id) return i;
    }
    return std::nullopt;
  }

  static bool same(const Judged& sent, bool sent_whole, const Message& seen) {
    if (seen.method_and_target() != sent.line) return false;
    if (seen.extent != Extent::whole) return sent.body.starts_with(seen.body);
    return sent_whole && seen.body == sent.body;
  }

  // What the servers saw, in order, is what the client sent, in order; some may be left out, none may be added.
  void check_seen() {
    std::size_t next = 0;
    std::string_view known_id;
    for (const auto& exchange : exchanges_) {
      const bool repeated = exchange.id() == known_id && next > 0;
      auto number = repeated ? next - 1 : next;
      if (const auto answered = response_with(exchange.id())) {
        if (*answered < number) complain("requests reached the servers out of order", exchange.request.first_line);
        number = *answered;
      } else {
        while (!repeated && account(number) != nullptr &&
               !same(*account(number), whole_account(number), exchange.request))
          ++number;
      }
      const auto* sent = account(number);
      if (sent == nullptr || !same(*sent, whole_account(number), exchange.request)) {
        complain("a server saw a request that nobody sent", exchange.request.first_line);
        return;
      }
      known_id = exchange.id();
      next = number + 1;
    }
  }

  void check_repeats() {
    std::map<std::string_view, int> seen;
    for (const auto& exchange : exchanges_) {
      const auto times = ++seen[exchange.id()];
      const auto times_max = core::is_idempotent(exchange.request.method()) ? 2 : 1;
      if (times > times_max) complain("a request was sent too often", exchange.request.first_line);
    }
  }

  void check_mode(const Exchange& exchange) {
    const auto host = site_of(exchange.request.field("host"));
    const auto& line = exchange.request.first_line;
    const bool write = is_write(exchange.request);
    const bool held = host == "h" && exchange.tick <= stage_.flipped_at().value_or(UINT64_MAX);
    if (host == "m" || held) complain("a closed site's server saw a request", line);
    if (host == "r" && write) complain("a readonly site's server saw a write", line);
    if (host != "a" || !stage_.drained_at() || exchange.last_tick() <= *stage_.drained_at()) return;
    if (write || stage_.script().order == Script::Order::maintenance)
      complain("a server heard of a request after the drain", line);
  }

  void check_response(std::size_t number) {
    const auto& response = responses_[number];
    const auto* sent = account(number);
    if (response.status() == 101) return;
    const bool forwarded = response.has("via");
    if (sent == nullptr && (forwarded || number + 1 < responses_.size() || number > judged_.requests.size())) {
      complain("a response to nothing", response.first_line);
    }
    const auto length = response.field("content-length");
    if (length.size() > 1 && length.front() == '0') complain("a length that a client may read as octal", length);
    if (!forwarded) return;
    const Exchange* last = nullptr;
    for (const auto& exchange : exchanges_) {
      if (exchange.id() == response.field("x-request-id")) last = &exchange;
    }
    if (last == nullptr) {
      if (!said_unheard(response))
        complain("a forwarded response to a request that no server saw", response.first_line);
      return;
    }
    if (last->answer.status() != response.status())
      return complain("a response with another status", response.first_line);
    const bool has_length = response.has("content-length") || response.has("transfer-encoding");
    const bool whole = response.extent == Extent::whole && has_length;
    if (whole && last->answer.extent != Extent::whole)
      complain("a truncated answer looks complete", response.first_line);
    const bool equal = whole ? last->answer.body == response.body : last->answer.body.starts_with(response.body);
    if (!equal) complain("a response with another body", response.first_line);
  }

  // A server that speaks as soon as it is connected, and goes before it has read a head, has answered whoever
  // comes.
  bool said_unheard(const Message& response) const {
    const auto& wires = stage_.upstreams();
    return std::any_of(wires.begin(), wires.end(), [&](const Wire& wire) {
      const bool heard = wire.received().find("\r\n\r\n") != std::string::npos;
      return !heard && !wire.open() && read_response(wire.sent(), "GET", true).status() == response.status();
    });
  }

  // Unless the client left or an operator ended it, each request has its answer, up to one that ends the
  // connection.
  void check_all_answered() {
    const auto ending = stage_.script().ending;
    const bool stayed = ending == Script::Ending::half_close || ending == Script::Ending::silence;
    if (!stayed || stage_.script().order == Script::Order::maintenance ||
        responses_.size() >= judged_.requests.size())
      return;
    if (!responses_.empty()) {
      const auto& last = responses_.back();
      if (last.extent != Extent::whole || last.status() == 101 || base::iequals(last.field("connection"), "close"))
        return;
    }
    if (stage_.script().order == Script::Order::shutdown) return;
    // Who closes its half while it waits for the end of a hold has left.
    const auto& unanswered = judged_.requests[responses_.size()];
    if (ending == Script::Ending::half_close && site_of(unanswered.host) == "h") return;
    complain("a request got no answer", unanswered.line);
  }

  // With TLS, that an answer was cut shows by the end of the connection too.
  void check_end() {
    const auto& client = stage_.client();
    const bool cut = !responses_.empty() && responses_.back().extent != Extent::whole;
    if (client.is_secure() && cut && client.ended_in_order()) complain("a cut answer ended in order", {});
  }

  // The write in flight at an order: its outcome is known if its answer got through, else the receipt names it.
  // What an order cuts is named elsewhere.
  void check_unknown() {
    const auto& order = stage_.script().order;
    const auto ending = stage_.script().ending;
    const bool stayed = ending == Script::Ending::half_close || ending == Script::Ending::silence;
    if (!stage_.fenced_write() || order != Script::Order::readonly || !stayed) return;
    const Exchange* fenced = nullptr;
    for (const auto& exchange : exchanges_) {
      if (exchange.tick <= *stage_.flipped_at()) fenced = &exchange;
    }
    if (fenced == nullptr || site_of(fenced->request.field("host")) != "a") return;
    const auto number = response_with(fenced->id());
    const bool answered = number && responses_[*number].has("via");
    const auto& unknown = stage_.unknown();
    const bool named = std::find(unknown.begin(), unknown.end(), fenced->id()) != unknown.end();
    if (named == answered) complain("a receipt is wrong about the outcome of a write", fenced->request.first_line);
  }

  void check_tunnel() {
    if (!client_switched()) return;
    const auto* sent = account(responses_.size() - 1);
    if (!tunnel_ || sent == nullptr || !sent->upgrade) return complain("a tunnel that no server opened");
    if (stage_.drained_at() || stage_.script().order != Script::Order::none) return;  // it may have been told to go
    const auto& exchange = exchanges_[*tunnel_];
    const auto up = std::string_view(exchange.wire->received()).substr(exchange.begin + exchange.request.end);
    const auto down = std::string_view(exchange.wire->sent()).substr(exchange.answer_end);
    if (!std::string_view(stage_.client().sent()).substr(sent->head_end).starts_with(up))
      complain("a tunnel changed the client's bytes");
    if (!down.starts_with(tunnel_down_)) complain("a tunnel changed the server's bytes");
  }

  void check_witness() {
    if (!stage_.witness()) return;
    const auto& received = stage_.witness()->received();
    const auto response = read_response(received, "GET", true);
    const bool good = response.extent == Extent::whole && response.status() == 200 &&
                      response.end == received.size() && response.body == ScriptedUpstream::good_body;
    if (!good) complain("the next client got something else", received);
    if (witnessed_.size() != 1) complain("the next client's request was not seen once");
  }

  void complain(std::string_view what, std::string_view detail = {}) {
    complaints_.push_back(fmt::format("{}: {}", what, detail));
  }

  const Stage& stage_;
  Judgement judged_;
  std::vector<Message> responses_;
  std::string_view tunnel_down_;
  std::vector<Exchange> exchanges_, witnessed_;
  std::optional<std::size_t> tunnel_;  // in exchanges_
  std::vector<std::string> complaints_;
};

}  // namespace

std::vector<std::string> reconcile(const Stage& stage) {
  auto complaints = Books(stage).compare();
  complaints.insert(complaints.end(), stage.leftovers().begin(), stage.leftovers().end());
  return complaints;
}

}  // namespace drawbridge::stage
