#pragma once

#include "config/config.h"
#include "proxy/base/event_log.h"
#include "proxy/control/alarms.h"
#include "proxy/control/status.h"
#include "proxy/net/ticket_keys.h"
#include "proxy/net/tls_file.h"
#include "proxy/net/tls_server.h"
#include "proxy/serve/door.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::app {

// The certificates of the listeners: reads them, looks every moment whether their files have changed, and hands the
// new ones on. What cannot be used is said, and the old stays. Also turns the keys of session tickets. Control
// thread only; outlives the workers.
class Certificates {
 public:
  // The files are looked at so often. A change is taken up when it has been still for one look: a certificate and
  // its key are seldom written in the same instant.
  static constexpr std::chrono::milliseconds look_every{1'000};

  using Hand = std::function<void(std::size_t listener, std::shared_ptr<const net::TlsServer>)>;

  Certificates(control::Alarms& alarms, base::EventLog& events) : alarms_(alarms), events_(events) {}
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // Reads what the configuration names, at start or after a reload. Fails at the first that cannot be used, with
  // what it had.
  base::Expected<void> use(const std::vector<config::Listener>& listeners);

  // For each listener, in order: what the workers are to open.
  std::vector<serve::Door> doors() const;

  // From now on tells `hand` of each change, and looks for changes.
  void watch(Hand hand);
  void stop();

  std::vector<control::CertificateStatus> status() const;

 private:
  struct Kept {
    config::Listener configured;
    net::TlsServerSpec spec;
    std::shared_ptr<const net::TlsServer> server;
    std::vector<net::FileStamp> read, seen;  // of the files: when last read, at the last look
    std::string problem;
    base::WallTime staples_judged{};  // staples that had ended by then have been told of
  };

  void look();
  void look_at(std::size_t index);
  void rotate();
  void say_expiry(const Kept& kept) const;
  void say_stale_staples(Kept& kept) const;

  control::Alarms& alarms_;
  base::EventLog& events_;
  net::TicketKeys keys_;
  std::vector<Kept> kept_;
  Hand hand_;
  control::Alarms::Id next_look_{}, next_rotation_{};
};

}  // namespace drawbridge::app
