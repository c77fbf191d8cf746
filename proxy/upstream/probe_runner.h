#pragma once

#include "proxy/base/time.h"
#include "proxy/net/endpoint.h"
#include "proxy/net/tls_client.h"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace drawbridge::upstream {

// What a probe does besides connecting.
enum class ProbeKind : std::uint8_t {
  connect,  // nothing, but what shows whether the server takes how we begin: TLS, a PROXY header
  preface,  // HTTP/2 is agreed to: its preface, until the server's settings are here
  http1,    // GET
  http2,    // GET over HTTP/2
  grpc,     // grpc.health.v1.Health/Check, which is served over HTTP/2
};

// One probe: open a connection and ask.
struct ProbeTask {
  net::Endpoint endpoint;
  ProbeKind kind = ProbeKind::connect;
  std::string path;
  std::string host;
  base::Millis timeout{1'000};
  std::string greeting = {};                            // sent first, before TLS
  std::shared_ptr<const net::TlsClient> tls = nullptr;  // null: plain
  std::string tls_host = {};                            // whom the certificate must name
};

struct ProbeFinding {
  bool healthy = false;
  std::string reason;
  base::Millis took{};
  bool asked = true;  // false: the proxy could not even ask, which says nothing about the server
};

// Runs probes on the control thread's context, at most `running_max` at a time; more wait for their turn.
class ProbeRunner {
 public:
  using Done = std::function<void(const ProbeFinding&)>;
  static constexpr std::size_t running_max = 64;

  // Outlives the last run of `context`.
  explicit ProbeRunner(boost::asio::io_context& context);
  ~ProbeRunner();
  ProbeRunner(const ProbeRunner&) = delete;
  ProbeRunner& operator=(const ProbeRunner&) = delete;

  // `done` is called from the context, never inside this call, and not at all after stop().
  void run(ProbeTask task, Done done);
  void stop();

 private:
  struct Waiting {
    ProbeTask task;
    Done done;
  };
  struct Running;

  void start(ProbeTask task, Done done);
  void start_waiting();

  boost::asio::io_context& context_;
  std::deque<Waiting> waiting_;
  std::list<std::unique_ptr<Running>> running_;
  bool stopped_ = false;
};

}  // namespace drawbridge::upstream
