#pragma once

#include "proxy/base/ids.h"
#include "proxy/core/ledger.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// A ledger with what stands around it in a proxy: a listener that remembers and requests that can be cut.
namespace drawbridge::core::testing {

inline constexpr auto all_classes =
    ClassMask{}.with(RequestClass::read).with(RequestClass::write).with(RequestClass::tunnel);
inline constexpr auto writes = ClassMask{}.with(RequestClass::write).with(RequestClass::tunnel);
inline const base::SteadyTime start{std::chrono::seconds(1'000)};
inline const std::string shop = "shop";

struct Heard final : Ledger::Listener {
  std::vector<std::pair<std::uint64_t, ClassCounts>> drains;
  std::vector<std::uint64_t> epochs;
  std::function<void(std::uint64_t)> on_drained;

  std::vector<OpenRequest> unknown;
  void ended_unknown(std::uint64_t, OpenRequest request) override { unknown.push_back(std::move(request)); }
  void drained(std::uint64_t id, const ClassCounts& ended) override {
    drains.emplace_back(id, ended);
    if (on_drained) on_drained(id);
  }
  void epochs_below_ended(std::uint64_t epoch) override { epochs.push_back(epoch); }
};

struct Request final : Admission::Owner {
  Admission admission;
  base::RequestId id;
  std::function<void()> on_cut;
  int cuts = 0;
  ServerId server = 0;
  bool unseen = false;
  std::vector<base::SteadyTime> told;

  void cut() override {
    ++cuts;
    if (on_cut) on_cut();
  }
  void told_to_go(base::SteadyTime at) override { told.push_back(at); }
  bool is_at(ServerId asked) const override { return asked == server; }
  bool untouched() const override { return unseen; }
};

struct Office {
  Heard heard;
  Ledger ledger{heard};

  Entry entry(Request& request, std::uint64_t epoch, RequestClass request_class, SiteId site = 0) {
    return {.epoch = epoch,
            .site = site,
            .site_name = &shop,
            .request_class = request_class,
            .since = start,
            .id = request.id.view(),
            .facts = {.method = "POST", .host = "shop.example", .path = "/orders"},
            .owner = &request};
  }
  void published(std::uint64_t epoch) {
    Snapshot snapshot;
    snapshot.epoch = epoch;
    ledger.published(snapshot);
  }
  std::unique_ptr<Request> enter(std::uint64_t epoch, RequestClass request_class, SiteId site = 0) {
    auto request = std::make_unique<Request>();
    ledger.enter(request->admission, entry(*request, epoch, request_class, site));
    return request;
  }
};

}  // namespace drawbridge::core::testing
