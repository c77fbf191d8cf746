#include "proxy/admin/server.h"

#include "proxy/admin/peer.h"
#include "proxy/admin/session.h"
#include "proxy/admin/socket_file.h"
#include "proxy/admin/spare_descriptors.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <list>
#include <optional>
#include <tuple>
#include <utility>

namespace drawbridge::admin {

namespace asio = boost::asio;
using asio::local::stream_protocol;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
bool is_exhausted(const boost::system::error_code& error) {
  return error == asio::error::no_descriptors || error == boost::system::errc::too_many_files_open_in_system;
}

constexpr base::Millis accept_pause{20};  // when there is no descriptor or no room: look again

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, ServerOptions options, Api& api, base::EventLog& events,
       std::unique_ptr<SocketFile> file, std::optional<gid_t> group)
      : context_(context),
        options_(std::move(options)),
        api_(api),
        events_(events),
        file_(std::move(file)),
        group_(group),
        acceptor_(context, stream_protocol(), file_->take_descriptor()),
        pause_(context) {
    acceptor_.non_blocking(true);
  }

  void start() {
    asio::co_spawn(context_, accept(shared_from_this()),
                   [this, self = shared_from_this()](std::exception_ptr failed) {
                     if (failed) events_.error("admin_accept_failed");
                   });
  }

  void notify_events() {
    for (const auto& session : open_) session->notify_events();
  }

  void close() {
    if (closing_) return;
    closing_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    file_.reset();
    for (const auto& session : open_) session->stop();
  }

  std::size_t sessions() const { return open_.size(); }

 private:
  asio::awaitable<void> accept(std::shared_ptr<Impl> self) {
    while (!self->closing_) {
      if (self->is_full() && !co_await self->make_room()) continue;
      auto [error, socket] = co_await self->acceptor_.async_accept(as_result);
      if (self->closing_) co_return;
      if (is_exhausted(error)) std::tie(error, socket) = self->accept_with_a_spare();
      if (error) {
        self->report_accept(error.message());
        co_await self->wait_a_little();
        continue;
      }
      self->said_so_ = false;
      self->serve(std::move(socket));
    }
  }

  bool is_full() const { return open_.size() >= options_.connections_max; }

  // For who waits to get in, the connection that has been here for longest without asking anything goes.
  asio::awaitable<bool> make_room() {
    const auto [error] = co_await acceptor_.async_wait(stream_protocol::acceptor::wait_read, as_result);
    if (error || closing_) co_return false;
    const auto idle = std::ranges::find_if(open_, [](const auto& session) { return session->is_idle(); });
    if (idle != open_.end()) (*idle)->stop();
    if (is_full()) co_await wait_a_little();
    co_return !is_full();
  }

  // The operator gets in also when everything else has taken what there is.
  std::tuple<boost::system::error_code, stream_protocol::socket> accept_with_a_spare() {
    spare_.give();
    boost::system::error_code error;
    auto socket = acceptor_.accept(error);
    return {error, std::move(socket)};
  }

  asio::awaitable<void> wait_a_little() {
    pause_.expires_after(accept_pause);
    co_await pause_.async_wait(as_result);
  }

  void report_accept(const std::string& message) {
    if (!said_so_) events_.warning("admin_accept_failed", {{"error", message}});
    said_so_ = true;
  }

  void serve(stream_protocol::socket socket) {
    spare_.give();
    auto session = Session::make(std::move(socket), {options_, api_, events_, group_, long_ones_});
    const auto place = open_.insert(open_.end(), session);
    asio::co_spawn(context_, session->run(), [this, self = shared_from_this(), place](std::exception_ptr failed) {
      open_.erase(place);
      spare_.refill();
      if (failed) report(failed);
    });
  }

  void report(const std::exception_ptr& failed) {
    try {
      std::rethrow_exception(failed);
    } catch (const std::exception& error) {
      events_.error("admin_session_failed", {{"error", error.what()}});
    }
  }

  asio::io_context& context_;
  ServerOptions options_;
  Api& api_;
  base::EventLog& events_;
  std::unique_ptr<SocketFile> file_;
  std::optional<gid_t> group_;
  stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::list<std::shared_ptr<Session>> open_;  // shared with the coroutine that runs it
  SpareDescriptors spare_;
  std::size_t long_ones_ = 0;
  bool closing_ = false;
  bool said_so_ = false;
};

base::Expected<std::unique_ptr<Server>> Server::open(asio::io_context& context, ServerOptions options, Api& api,
                                                     base::EventLog& events) {
  std::optional<gid_t> group;
  if (!options.group.empty()) {
    const auto found = group_id(options.group);
    if (!found) return std::unexpected(found.error());
    group = *found;
  }
  auto file = SocketFile::claim(options.socket_path, group);
  if (!file) return std::unexpected(file.error());
  auto impl = std::make_shared<Impl>(context, std::move(options), api, events, std::move(*file), group);
  impl->start();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  impl_->close();
}

void Server::notify_events() {
  impl_->notify_events();
}

void Server::close() {
  impl_->close();
}

std::size_t Server::sessions() const {
  return impl_->sessions();
}

}  // namespace drawbridge::admin
