// Writes every built-in page to files, for a browser to look at: page_sampler FOLDER.

#include "pages/answers.h"
#include "pages/negotiate.h"
#include "pages/reply.h"
#include "proxy/base/time.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace drawbridge;
using namespace std::chrono_literals;

struct Sample {
  std::string name;
  std::shared_ptr<const core::AnswerSet> answers;
  bool write = false;
};

pages::PageFacts facts(core::Mode mode, std::string reason, std::optional<base::Millis> ends_in) {
  const base::WallTime now = base::now().wall;
  pages::PageFacts facts;
  facts.site = "shop";
  facts.mode.mode = mode;
  facts.mode.reason = std::move(reason);
  facts.mode.since = now - 8min;
  if (ends_in) facts.mode.until = now + *ends_in;
  facts.retry_after = 60s;
  return facts;
}

void write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  if (!out.flush()) {
    fmt::print(stderr, "{}: cannot be written\n", file.string());
    std::exit(1);
  }
}

void write_sample(const std::filesystem::path& folder, const Sample& sample) {
  const pages::Holes holes{pages::retry_after_seconds(*sample.answers, base::now().wall),
                           "5b1f0c9e2a7d4e8f9b3c6a1d2e4f7085", "/orders/1042?tab=history"};
  for (const auto& [form, extension] :
       {std::pair{core::AnswerForm::html, "html"}, std::pair{core::AnswerForm::problem_json, "json"},
        std::pair{core::AnswerForm::text, "txt"}}) {
    write_file(folder / fmt::format("{}.{}", sample.name, extension),
               pages::render_body(*sample.answers, form, sample.write, holes));
  }
  pages::Reply reply;
  reply.form = core::AnswerForm::html;
  reply.write = sample.write;
  reply.connection = pages::ConnectionField::close;
  reply.holes = holes;
  std::string response;
  pages::append_reply(*sample.answers, reply, response);
  write_file(folder / fmt::format("{}.http", sample.name), response);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: page_sampler FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const pages::ErrorAnswers errors;
  const auto error = [&](unsigned status) {
    return std::shared_ptr<const core::AnswerSet>(std::shared_ptr<void>{}, &errors.of(status));
  };
  const auto maintenance =
      facts(core::Mode::maintenance, "We are moving to a faster database. Orders are safe.", 23min);
  const auto open_end = facts(core::Mode::maintenance, "", std::nullopt);
  const auto readonly = facts(core::Mode::readonly, "Moving the shop to its new home", 95min);
  const auto wordy =
      facts(core::Mode::readonly, "<b>Moving</b> to https://status.example.com/" + std::string(120, 'x'), 40h);
  const auto hold = facts(core::Mode::hold, "", 45s);
  const Sample samples[] = {
      {"maintenance", pages::make_mode_answers(maintenance, nullptr)},
      {"maintenance_write", pages::make_mode_answers(maintenance, nullptr), true},
      {"maintenance_open_end", pages::make_mode_answers(open_end, nullptr)},
      {"readonly_write", pages::make_mode_answers(readonly, nullptr), true},
      {"readonly_wordy", pages::make_mode_answers(wordy, nullptr), true},
      {"hold_write", pages::make_mode_answers(hold, nullptr), true},
      {"no_server", pages::make_no_server_answers("shop", 10s)},
      {"error_404", error(404)},
      {"error_502", error(502)},
  };
  for (const Sample& sample : samples) write_sample(folder, sample);
  return 0;
}
