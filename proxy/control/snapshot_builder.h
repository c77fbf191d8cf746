#pragma once

#include "config/config.h"
#include "proxy/base/failure.h"
#include "proxy/base/limits.h"
#include "proxy/control/name_ids.h"
#include "proxy/control/state.h"
#include "proxy/control/tls_clients.h"
#include "proxy/core/answer.h"
#include "proxy/core/snapshot.h"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace drawbridge::control {

struct Ids {
  NameIds sites{base::limits::sites_max};
  NameIds pools{base::limits::pools_max};
  NameIds servers{base::limits::servers_max};  // by "POOL ADDRESS"
  NameIds slices{base::limits::slices_max};    // by "SITE KEY", SliceMatch::key()
};

// The answers rendered last for each site of one configuration: an epoch that does not concern a site keeps them.
class AnswerCache {
 public:
  using Render = std::function<std::shared_ptr<const core::AnswerSet>(const config::Site&, const core::ModeState&)>;

  explicit AnswerCache(Render render) : render_(std::move(render)) {}

  // Null in live.
  std::shared_ptr<const core::AnswerSet> of(const config::Site& site, const core::ModeState& mode);
  // Of a hold of a part of the site.
  std::shared_ptr<const core::AnswerSet> of_part(const config::Site& site, const core::ModeState& hold);
  const Render& render() const { return render_; }

 private:
  struct Kept {
    core::ModeState mode;
    std::shared_ptr<const core::AnswerSet>
        answers;  // shared with snapshots: immutable, freed with the last of them
  };

  std::shared_ptr<const core::AnswerSet> kept(const std::string& key, const config::Site& site,
                                              const core::ModeState& mode);

  Render render_;
  std::map<std::string, Kept> kept_;
};

// As the data path wants it. nullptr: numbers of slices have run out.
std::shared_ptr<const core::Placement> placement_of(const std::string& site, const Places& places, Ids& ids);

// The snapshot that `config` and `state` mean. Each configured site has its state and an active pool that exists
// (reconcile() sees to it). Fails when a rule or network does not parse or numbers run out; then `ids` may have
// grown.
base::Expected<std::unique_ptr<core::Snapshot>> build_snapshot(const config::Config& config, const State& state,
                                                               Ids& ids, AnswerCache& answers, TlsClients& tls);

}  // namespace drawbridge::control
