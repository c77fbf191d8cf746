#include "proxy/ctl/wire.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <limits>

namespace drawbridge::ctl {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::local::stream_protocol;

namespace {

using Failure = WireFailure;

// Asynchronous operations run one at a time to their end: this is how Beast's time limits work.
class Line {
 public:
  explicit Line(base::Millis patience) : stream_(context_), patience_(patience) {}

  std::expected<void, Failure> connect(const std::string& path);
  std::expected<void, Failure> send(const WireRequest& request);
  std::expected<WireReply, Failure> receive(const OnLine& on_line);

 private:
  using Parser = http::response_parser<http::string_body>;

  // Starts an operation by `start(handler)` and runs it.
  template <class Start>
  beast::error_code run(Start start) {
    beast::error_code result = asio::error::operation_aborted;
    stream_.expires_after(patience_);
    start([&result](beast::error_code error, auto&&...) { result = error; });
    context_.restart();
    context_.run();
    return result;
  }

  Failure broken(const beast::error_code& error, bool sent) const;

  asio::io_context context_;
  beast::basic_stream<stream_protocol> stream_;
  base::Millis patience_;
};

Failure Line::broken(const beast::error_code& error, bool sent) const {
  if (error == beast::error::timeout) {
    return {Failure::Kind::broken, sent,
            fmt::format("the daemon said nothing for {}", base::describe_duration(patience_))};
  }
  const bool ended = error == http::error::end_of_stream || error == http::error::partial_message;
  return {Failure::Kind::broken, sent, ended ? "the daemon closed the connection" : error.message()};
}

std::expected<void, Failure> Line::connect(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return std::unexpected(
        Failure{Failure::Kind::unreachable, false, fmt::format("{}: the path is too long", path)});
  }
  beast::error_code error;
  stream_.socket().open(stream_protocol(), error);
  // A command that we run must not hold the line: the daemon would not hear of our end.
  if (!error) ::fcntl(stream_.socket().native_handle(), F_SETFD, FD_CLOEXEC);
  if (!error) stream_.socket().connect(stream_protocol::endpoint(path), error);
  if (!error) return {};
  if (error.value() == EACCES || error.value() == EPERM) {
    return std::unexpected(Failure{Failure::Kind::forbidden, false,
                                   fmt::format("{}: permission denied. Become root or the user of proxyd, or let "
                                               "server.admin_group name a group of yours",
                                               path)});
  }
  return std::unexpected(
      Failure{Failure::Kind::unreachable, false,
              fmt::format("no proxyd answers at {} ({}). Is it running? Another path: --socket or "
                          "DRAWBRIDGE_SOCKET",
                          path, error.message())});
}

std::expected<void, Failure> Line::send(const WireRequest& request) {
  http::request<http::string_body> message;
  message.method_string(request.method);
  message.target(request.target);
  message.version(11);
  message.set(http::field::host, "proxyd");
  message.set(http::field::user_agent, "proxyctl/" DRAWBRIDGE_VERSION);
  message.set(http::field::connection, "close");
  if (!request.accept.empty()) message.set(http::field::accept, request.accept);
  if (!request.body.empty()) message.set(http::field::content_type, "application/json");
  message.body() = request.body;
  message.prepare_payload();
  const auto error = run([&](auto handler) { http::async_write(stream_, message, handler); });
  // A daemon that answers before it has read everything may close early; its answer says more than the error.
  if (error && error != beast::errc::broken_pipe) return std::unexpected(broken(error, true));
  return {};
}

// Takes the full lines off the front of a growing body; `raw` was read behind it. False: enough.
bool take_lines(std::string& body, std::string_view raw, const OnLine& on_line, int descriptor) {
  std::size_t begin = 0;
  bool wanted = true;
  for (auto end = body.find('\n'); wanted && end != std::string::npos; end = body.find('\n', begin)) {
    const auto read = body.substr(end + 1).append(raw);
    wanted = on_line(std::string_view(body).substr(begin, end - begin), {.descriptor = descriptor, .read = read});
    begin = end + 1;
  }
  body.erase(0, begin);
  return wanted;
}

std::expected<WireReply, Failure> Line::receive(const OnLine& on_line) {
  beast::flat_buffer buffer;
  Parser parser;
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  auto error = run([&](auto handler) { http::async_read_header(stream_, buffer, parser, handler); });
  if (error) return std::unexpected(broken(error, true));
  const auto& message = parser.get();
  const bool streamed = message.result_int() == 200 && parser.chunked() && on_line;
  bool wanted = true;
  while (wanted && !parser.is_done()) {
    error = run([&](auto handler) { http::async_read_some(stream_, buffer, parser, handler); });
    if (error && error != http::error::end_of_stream) return std::unexpected(broken(error, true));
    const auto unparsed = buffer.data();
    const std::string_view raw(static_cast<const char*>(unparsed.data()), unparsed.size());
    if (streamed) wanted = take_lines(parser.get().body(), raw, on_line, stream_.socket().native_handle());
  }
  return WireReply{message.result_int(), std::string(message[http::field::content_type]),
                   std::move(parser.get().body())};
}

}  // namespace

std::expected<WireReply, WireFailure> exchange(const std::string& path, const WireRequest& request,
                                               const OnLine& on_line) {
  Line line(request.patience);
  if (auto connected = line.connect(path); !connected) return std::unexpected(connected.error());
  if (auto sent = line.send(request); !sent) return std::unexpected(sent.error());
  return line.receive(on_line);
}

}  // namespace drawbridge::ctl
