#include "proxy/obs/access_log.h"

#include "proxy/obs/log_writer.h"

#include <utility>

namespace drawbridge::obs {

AccessLog::Lane::Lane(const AccessLog& log, std::unique_ptr<ByteRing> ring, AccessLogFormat format)
    : log_(log), ring_(std::move(ring)), line_(format) {}

void AccessLog::Lane::write(const Record& record) {
  if (!ring_) return;
  char* out = ring_->reserve(LineWriter::bytes_max(record));
  if (out == nullptr) {
    lost_.add();
    return;
  }
  const auto before = ring_->waiting();
  const auto bytes = line_.write(record, out);
  ring_->commit(bytes);
  log_.writer_->committed(before, before + bytes);
}

base::Expected<std::unique_ptr<AccessLog>> AccessLog::open(const AccessLogOptions& options, std::size_t workers,
                                                           base::EventLog& events) {
  std::unique_ptr<AccessLog> log(new AccessLog);
  if (auto added = log->add_lanes(options, workers); !added) return std::unexpected(added.error());
  if (options.sink == AccessLogSink::off) return log;
  const bool file = options.sink == AccessLogSink::file;
  auto sink = file ? LogSink::open(options.path) : LogSink::standard_output();
  if (!sink) return std::unexpected(sink.error());
  LogWriter::Source source{.rings = {}, .lost = [&lanes = *log] { return lanes.lost_in_lanes(); }};
  for (const auto& lane : log->lanes_) source.rings.push_back(lane->ring_.get());
  log->writer_ =
      std::make_unique<LogWriter>(std::move(source), std::move(*sink), file ? options.path : std::string(), events);
  return log;
}

AccessLog::~AccessLog() = default;

base::Expected<void> AccessLog::add_lanes(const AccessLogOptions& options, std::size_t workers) {
  for (std::size_t i = 0; i < workers; ++i) {
    std::unique_ptr<ByteRing> ring;
    if (options.sink != AccessLogSink::off) {
      auto made = ByteRing::make(options.lane_bytes);
      if (!made) return std::unexpected(made.error());
      ring = std::move(*made);
    }
    lanes_.push_back(std::unique_ptr<Lane>(new Lane(*this, std::move(ring), options.format)));
  }
  return {};
}

void AccessLog::reopen() {
  if (writer_) writer_->reopen();
}

std::uint64_t AccessLog::lost_lines() const {
  return lost_in_lanes() + (writer_ ? writer_->discarded_lines() : 0);
}

LogFacts AccessLog::facts() const {
  return writer_ ? writer_->facts() : LogFacts{};
}

std::uint64_t AccessLog::lost_in_lanes() const {
  std::uint64_t lost = 0;
  for (const auto& lane : lanes_) lost += lane->lost_.value();
  return lost;
}

}  // namespace drawbridge::obs
