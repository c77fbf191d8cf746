#pragma once

#include "proxy/app/demo/demo.h"
#include "proxy/base/failure.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace drawbridge::demo {

// Everything `proxyd demo` needs around the proxy itself: the two shops, and a folder that only this user can
// enter, with the state, the admin socket, the access log and a `proxyctl` that already knows the socket. The
// folder is removed when the object goes.
//
//   auto stage = Stage::open("127.0.0.1:8080");      // an Error names what is wrong and what to type instead
//   … start the proxy with (*stage)->config_text() …
//   print((*stage)->banner(address it listens on));
class Stage {
 public:
  // `listen` is IP:PORT; port 0 = any free one. Fails when something listens there already: the proxy shares its
  // port between its threads, so a second demo of the same user would otherwise share it too, in silence.
  static base::Expected<std::unique_ptr<Stage>> open(std::string_view listen);

  ~Stage();

  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // The TOML of the demo: site `shop`, pools `blue` (active) and `green`.
  std::string config_text() const;

  // Where to look and five commands to try, each of which works when pasted into any terminal of this user.
  std::string banner(std::string_view address) const;

  const std::filesystem::path& folder() const { return folder_; }
  const Demo& shops() const { return shops_; }

 private:
  Stage(std::string_view listen, std::filesystem::path folder);

  std::string listen_;
  std::filesystem::path folder_;
  Demo shops_;
};

}  // namespace drawbridge::demo
