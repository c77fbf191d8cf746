#include "config/load.h"

#include "config/document.h"
#include "config/reader.h"
#include "config/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <tuple>
#include <unistd.h>

namespace drawbridge::config {
namespace {

using Problems = std::vector<Problem>;

struct Outcome {
  Document document;
  Config config;
  Problems problems;
};

Problem whole_file(std::string_view file, std::string message) {
  Problem problem;
  problem.file = file;
  problem.message = std::move(message);
  return problem;
}

void append(Problems& all, Problems more) {
  std::ranges::move(more, std::back_inserter(all));
}

Outcome inspect(std::string_view text, std::string_view file, const FileChecks* checks) {
  Outcome outcome{.document = read_document(text, file), .config = {}, .problems = {}};
  Reader reader(outcome.document);
  reader.read_table(outcome.document.root, root_section(), &outcome.config);
  outcome.problems = outcome.document.problems;
  append(outcome.problems, reader.take_problems());
  follow_bounds(outcome.document, outcome.config);
  const auto unread = outcome.problems;
  append(outcome.problems, validate(outcome.document, outcome.config, unread));
  if (checks != nullptr) {
    append(outcome.problems, validate_disk(outcome.document, outcome.config, *checks, unread));
  }
  return outcome;
}

std::expected<Config, Problems> finish(Outcome outcome, std::string_view file) {
  auto& problems = outcome.problems;
  if (problems.empty()) return std::move(outcome.config);
  std::ranges::sort(problems, {}, [](const Problem& p) { return std::tie(p.line, p.column, p.message); });
  if (problems.size() > problems_max) {
    const auto left = problems.size() - problems_max;
    problems.resize(problems_max);
    problems.push_back(whole_file(file, fmt::format("and {} more", left)));
  }
  return std::unexpected(std::move(problems));
}

std::string why(int os_error) {
  return std::system_category().message(os_error);
}

// Reads at most one byte more than allowed: the size that fstat tells may be of a moment ago.
std::expected<std::string, std::string> read_all(int descriptor) {
  std::string text;
  std::array<char, 16 * 1024> chunk{};
  while (text.size() <= file_bytes_max) {
    const auto got = ::read(descriptor, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(fmt::format("cannot be read: {}", why(errno)));
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return std::unexpected(fmt::format("is larger than {} bytes; this is not a configuration", file_bytes_max));
}

std::expected<std::string, std::string> read_file(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return std::unexpected(fmt::format("cannot be opened: {}", why(errno)));
  struct stat status{};
  const bool known = ::fstat(descriptor, &status) == 0;
  std::expected<std::string, std::string> text = std::unexpected("is not a file");
  if (known && S_ISDIR(status.st_mode)) text = std::unexpected("is a folder, not a file");
  if (known && S_ISREG(status.st_mode)) text = read_all(descriptor);
  ::close(descriptor);
  return text;
}

}  // namespace

std::expected<Config, std::vector<Problem>> load(const std::string& path, const FileChecks& checks) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(Problems{whole_file(path, "the file " + text.error())});
  return finish(inspect(*text, path, &checks), path);
}

std::expected<Config, std::vector<Problem>> parse(std::string_view text, std::string_view file) {
  if (text.size() > file_bytes_max) {
    return std::unexpected(
        Problems{whole_file(file, fmt::format("the text is larger than {} bytes", file_bytes_max))});
  }
  return finish(inspect(text, file, nullptr), file);
}

}  // namespace drawbridge::config
