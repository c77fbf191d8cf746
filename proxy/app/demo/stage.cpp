#include "proxy/app/demo/stage.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <optional>
#include <sys/stat.h>

namespace drawbridge::demo {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::ip::tcp;

constexpr std::string_view config_template = R"toml([server]
workers = 2
state_dir = "{folder}/state"
admin_socket = "{folder}/admin.sock"
access_log = "{folder}/access.log"
shutdown_grace = "1s"

[[listener]]
address = "{listen}"

[pool.blue]
servers = ["127.0.0.1:{blue}"]
health = {{ path = "/healthz", interval = "1s", timeout = "1s", rise = 1, fall = 2 }}

[pool.green]
servers = ["127.0.0.1:{green}"]
health = {{ path = "/healthz", interval = "1s", timeout = "1s", rise = 1, fall = 2 }}

[site.shop]
pool = "blue"
readonly = {{ read = ["POST /search"] }}
maintenance = {{ exempt = ["* /api/devices/**"], retry_after = "30s" }}
drain = {{ timeout = "3s", tunnel_spread = "1s" }}
)toml";

constexpr std::string_view banner_template = R"text(
Drawbridge demo: a little shop behind a proxy. It runs in two versions, on one order book.

  the shop, through the proxy    http://{address}
  blue v1 and green v2, past it  http://127.0.0.1:{blue}  http://127.0.0.1:{green}

Five commands to try in another terminal, with the shop open in a browser:

  {folder}/proxyctl status
  {folder}/proxyctl mode readonly --reason "stock-taking"
  curl -i http://{address}/orders -d item=tea
  {folder}/proxyctl mode maintenance --for 2m --cut --reason "database upgrade"
  {folder}/proxyctl mode live

To type plain `proxyctl`:  export PATH={folder}:$PATH
Ctrl-C ends all of it and removes {folder}.
)text";

std::optional<tcp::endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  boost::system::error_code bad_address;
  const auto address = asio::ip::make_address(std::string(host), bad_address);
  if (bad_address || failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return tcp::endpoint(address, port);
}

base::Expected<void> check_free(std::string_view listen) {
  const auto endpoint = parse_endpoint(listen);
  if (!endpoint) {
    return std::unexpected(
        base::Error{fmt::format("--listen wants IP:PORT, such as 127.0.0.1:8081, not '{}'", listen)});
  }
  asio::io_context io;
  boost::system::error_code failed;
  tcp::acceptor probe(io);
  probe.open(endpoint->protocol(), failed);
  probe.set_option(tcp::acceptor::reuse_address(true), failed);
  probe.bind(*endpoint, failed);
  if (!failed) probe.listen(1, failed);
  if (failed == asio::error::address_in_use) {
    return std::unexpected(base::Error{fmt::format(
        "{} is taken by another program; try: proxyd demo --listen 127.0.0.1:{}", listen, endpoint->port() + 1)});
  }
  if (failed) return std::unexpected(base::Error{fmt::format("cannot listen on {}: {}", listen, failed.message())});
  return {};
}

// A short fixed name when it is free, so that a command once pasted works in the next demo too. mkdir refuses what
// exists, so nobody can have laid it out for us.
base::Expected<fs::path> make_folder() {
  std::error_code unknown;
  fs::path folder = fs::temp_directory_path(unknown) / "drawbridge-demo";
  if (mkdir(folder.c_str(), S_IRWXU) == 0) return folder;
  std::string name = folder.string() + "-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    return std::unexpected(base::Error{fmt::format("cannot make a folder {}", name)});
  }
  return fs::path(name);
}

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// proxyctl stands beside proxyd; the one in the folder adds the socket.
bool furnish(const fs::path& folder) {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed).parent_path() / "proxyctl";
  fs::create_directory(folder / "state", failed);
  const fs::path script = folder / "proxyctl";
  std::ofstream file(script);
  file << fmt::format("#!/bin/sh\nDRAWBRIDGE_SOCKET={} exec {} \"$@\"\n",
                      shell_quoted((folder / "admin.sock").string()), shell_quoted(program.string()));
  file.close();
  if (!failed) fs::permissions(script, fs::perms::owner_all, failed);
  return file.good() && !failed;
}

void remove_folder(const fs::path& folder) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

}  // namespace

base::Expected<std::unique_ptr<Stage>> Stage::open(std::string_view listen) {
  if (auto free = check_free(listen); !free) return std::unexpected(free.error());
  const auto folder = make_folder();
  if (!folder) return std::unexpected(folder.error());
  if (!furnish(*folder)) {
    remove_folder(*folder);
    return std::unexpected(base::Error{fmt::format("cannot write to {}", folder->string())});
  }
  try {
    return std::unique_ptr<Stage>(new Stage(listen, *folder));
  } catch (const std::exception& error) {
    remove_folder(*folder);
    return std::unexpected(base::Error{fmt::format("cannot start the demo shops: {}", error.what())});
  }
}

Stage::Stage(std::string_view listen, fs::path folder) : listen_(listen), folder_(std::move(folder)) {}

Stage::~Stage() {
  shops_.stop();
  remove_folder(folder_);
}

std::string Stage::config_text() const {
  return fmt::format(config_template, fmt::arg("folder", folder_.string()), fmt::arg("listen", listen_),
                     fmt::arg("blue", shops_.blue_port()), fmt::arg("green", shops_.green_port()));
}

std::string Stage::banner(std::string_view address) const {
  return fmt::format(banner_template, fmt::arg("folder", folder_.string()), fmt::arg("address", address),
                     fmt::arg("blue", shops_.blue_port()), fmt::arg("green", shops_.green_port()));
}

}  // namespace drawbridge::demo
