#include "proxy/app/certificates.h"

#include "proxy/app/tls_checks.h"

#include <algorithm>
#include <utility>

namespace drawbridge::app {
namespace {

constexpr std::chrono::hours expires_soon{14 * 24};

std::vector<net::FileStamp> stamps_of(const net::TlsServerSpec& spec) {
  std::vector<net::FileStamp> stamps;
  for (const auto& files : spec.certificates) {
    for (const auto* path : {&files.certificate, &files.key, &files.ocsp_staple})
      stamps.push_back(net::stamp_of(*path));
  }
  stamps.push_back(net::stamp_of(spec.client_ca));
  return stamps;
}

std::string names_of(const net::CertificateFacts& facts) {
  std::string text;
  for (const auto& name : facts.names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? facts.subject : text;
}

}  // namespace

base::Expected<void> Certificates::use(const std::vector<config::Listener>& listeners) {
  std::vector<Kept> fresh;
  for (const auto& listener : listeners) {
    Kept kept{.configured = listener};
    if (!listener.tls.certificates.empty()) {
      kept.spec = tls_spec(listener);
      kept.read = kept.seen = stamps_of(kept.spec);
      auto made = net::TlsServer::make(kept.spec, keys_);
      if (!made) return std::unexpected(base::Error{describe(kept.spec, made.error())});
      kept.server = std::move(*made);
      say_expiry(kept);
    }
    fresh.push_back(std::move(kept));
  }
  kept_ = std::move(fresh);
  for (std::size_t i = 0; i < kept_.size() && hand_; ++i) hand_(i, kept_[i].server);
  return {};
}

std::vector<serve::Door> Certificates::doors() const {
  std::vector<serve::Door> all;
  for (const auto& kept : kept_) {
    all.push_back(
        {.address = kept.configured.address, .proxies = {}, .tls = kept.server, .h2c = kept.configured.h2c});
    // Checked with the configuration.
    for (const auto& text : kept.configured.proxy_protocol_from) all.back().proxies.add(*http::parse_net(text));
  }
  return all;
}

void Certificates::watch(Hand hand) {
  hand_ = std::move(hand);
  look();
  next_rotation_ = alarms_.at(alarms_.now().steady + net::TicketKeys::rotation, [this] { rotate(); });
}

void Certificates::stop() {
  alarms_.cancel(next_look_);
  alarms_.cancel(next_rotation_);
}

void Certificates::rotate() {
  keys_.rotate();
  next_rotation_ = alarms_.at(alarms_.now().steady + net::TicketKeys::rotation, [this] { rotate(); });
}

void Certificates::look() {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (!kept_[i].server) continue;
    look_at(i);
    say_stale_staples(kept_[i]);
  }
  next_look_ = alarms_.at(alarms_.now().steady + look_every, [this] { look(); });
}

void Certificates::look_at(std::size_t index) {
  auto& kept = kept_[index];
  auto stamps = stamps_of(kept.spec);
  const bool still = stamps == std::exchange(kept.seen, stamps);
  if (!still || stamps == kept.read) return;
  kept.read = std::move(stamps);
  auto made = net::TlsServer::make(kept.spec, keys_);
  if (!made) {
    kept.problem = describe(kept.spec, made.error());
    events_.error("certificate_refused", {{"listener", kept.configured.address},
                                          {"error", kept.problem},
                                          {"hint", "the certificates that were read before stay in use"}});
    return;
  }
  kept.problem.clear();
  kept.staples_judged = {};
  kept.server = std::move(*made);
  for (const auto& one : kept.server->certificates()) {
    events_.info("certificate_read", {{"listener", kept.configured.address},
                                      {"names", names_of(one.facts())},
                                      {"expires", base::format_time(one.facts().not_after)}});
  }
  say_expiry(kept);
  hand_(index, kept.server);
}

void Certificates::say_expiry(const Kept& kept) const {
  const auto now = alarms_.now().wall;
  for (const auto& one : kept.server->certificates()) {
    const auto& facts = one.facts();
    if (facts.not_after > now + expires_soon) continue;
    events_.warning(facts.not_after > now ? "certificate_expires_soon" : "certificate_expired",
                    {{"listener", kept.configured.address},
                     {"file", facts.file},
                     {"names", names_of(facts)},
                     {"expires", base::format_time(facts.not_after)}});
  }
}

// Once for each staple: it goes on being looked at every second.
void Certificates::say_stale_staples(Kept& kept) const {
  const auto now = alarms_.now().wall;
  const auto since = std::exchange(kept.staples_judged, now);
  for (const auto& one : kept.server->certificates()) {
    const auto until = one.staple_until();
    if (until > now || until <= since) continue;
    events_.warning("ocsp_staple_expired", {{"listener", kept.configured.address},
                                            {"file", one.facts().file},
                                            {"expired", base::format_time(until)},
                                            {"hint", "it is not sent until its file is replaced"}});
  }
}

std::vector<control::CertificateStatus> Certificates::status() const {
  std::vector<control::CertificateStatus> all;
  for (const auto& kept : kept_) {
    if (!kept.server) continue;
    for (const auto& one : kept.server->certificates()) {
      const auto& facts = one.facts();
      all.push_back({.listener = kept.configured.address,
                     .file = facts.file,
                     .subject = facts.subject,
                     .names = facts.names,
                     .key_type = facts.key_type,
                     .expires = facts.not_after,
                     .staple_until = one.staple_until(),
                     .problem = kept.problem});
    }
  }
  return all;
}

}  // namespace drawbridge::app
