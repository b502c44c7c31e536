// See emit.h. spdlog passes the messages to the outputs: it assigns levels and lets no exception out. Its registry,
// default logger and thread pool are global to all users of spdlog in this process, and are never used.
#include "symbolizer/outputs/emit.h"

#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "symbolizer/outputs/file_output.h"
#include "symbolizer/outputs/journal_output.h"
#include "symbolizer/outputs/placeholders.h"
#include "symbolizer/outputs/rate_limit.h"
#include "symbolizer/outputs/report_program.h"
#include "symbolizer/outputs/stderr_output.h"
#include "symbolizer/outputs/syslog_output.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

std::string reason_text(int reason) {
  char buffer[128];
  return strerror_r(reason, buffer, sizeof buffer);
}

std::string tagged(int pid, std::string_view line) {
  return fmt::format("holdwatch[{}]: {}\n", pid, line);
}

spdlog::level::level_enum level_of(Severity severity) {
  if (severity == Severity::error) return spdlog::level::err;
  return severity == Severity::warning ? spdlog::level::warn : spdlog::level::info;
}

Severity severity_at(spdlog::level::level_enum level) {
  if (level >= spdlog::level::err) return Severity::error;
  return level == spdlog::level::warn ? Severity::warning : Severity::info;
}

// Passes spdlog's messages to one output. These carry only text; the journal's fields come from the report.
class OutputSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit OutputSink(std::unique_ptr<Output> output) : output_(std::move(output)) {}
  Output& output() { return *output_; }
  void about(const Report* report) { report_ = report; }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    output_->write({{message.payload.data(), message.payload.size()}, severity_at(message.level), report_});
  }
  void flush_() override {}

  std::unique_ptr<Output> output_;
  const Report* report_ = nullptr;
};

// One destination: its own logger with one sink, or nothing.
class Channel {
 public:
  explicit Channel(std::unique_ptr<Output> output) {
    if (output == nullptr) return;
    sink_ = std::make_shared<OutputSink>(std::move(output));
    logger_ = std::make_unique<spdlog::logger>("holdwatch", sink_);
    logger_->set_level(spdlog::level::trace);
    // By default spdlog reports its own errors on the C library's stderr stream, which is the program's.
    logger_->set_error_handler([](const std::string&) {});
  }

  bool open() const { return logger_ != nullptr; }
  Output& output() { return sink_->output(); }

  void write(Severity severity, const std::string& text, const Report* report) {
    if (!open()) return;
    sink_->about(report);
    logger_->log(level_of(severity), spdlog::string_view_t(text));
  }

 private:
  std::shared_ptr<OutputSink> sink_;
  std::unique_ptr<spdlog::logger> logger_;
};

void complain_on_stderr(const char* what, const char* instead) {
  StderrOutput().write({tagged(getpid(), fmt::format("{}; {}", what, instead))});
}

std::string unusable(std::string_view option, const std::string& path, int reason) {
  return fmt::format("HOLDWATCH_{}: cannot write to {}: {}", option, escape(path), reason_text(reason));
}

std::unique_ptr<Output> wanted_text_output(std::string_view log, ColorWhen color, const ProcessFacts& facts) {
  if (log.empty() || log == "stderr") return std::make_unique<StderrOutput>(STDERR_FILENO, color);
  if (log == "syslog") return std::make_unique<SyslogOutput>();
  if (log == "journal") return std::make_unique<JournalOutput>();
  return std::make_unique<FileOutput>(expand_placeholders(log, facts));
}

std::unique_ptr<Output> text_output(std::string_view log, ColorWhen color, const ProcessFacts& facts,
                                    const Emitter::Complain& complain) {
  if (log == "none") return nullptr;
  auto output = wanted_text_output(log, color, facts);
  const int reason = output->probe();
  // There is nowhere to report a closed stderr; it may be opened again.
  if (reason == 0 || output->name() == "stderr") return output;
  complain(unusable("LOG", output->name(), reason).c_str(), "reports go to stderr");
  return std::make_unique<StderrOutput>(STDERR_FILENO, color);
}

std::unique_ptr<Output> json_output(std::string_view path, const ProcessFacts& facts,
                                    const Emitter::Complain& complain) {
  if (path.empty() || path == "none") return nullptr;
  auto file = std::make_unique<FileOutput>(expand_placeholders(path, facts));
  const int reason = file->probe();
  if (reason == 0) return file;
  complain(unusable("JSON", file->name(), reason).c_str(), "no JSON is written");
  return nullptr;
}

// One for each program that may run at a time, none if ON_REPORT runs none. More than one, because reports come in
// bursts.
using ReportPrograms = std::vector<std::unique_ptr<ReportProgram>>;

ReportPrograms report_programs(std::string_view on_report, const Emitter::Complain& complain) {
  constexpr size_t kAtATime = 4;
  constexpr std::string_view kExec = "exec:";
  if (!on_report.starts_with(kExec)) return {};
  const std::string path(on_report.substr(kExec.size()));
  ReportPrograms programs;
  if (path.starts_with('/') && access(path.c_str(), X_OK) == 0) {
    for (size_t i = 0; i < kAtATime; ++i) programs.push_back(std::make_unique<ReportProgram>(path));
    return programs;
  }
  const std::string why = path.starts_with('/') ? reason_text(errno) : "the path must be absolute";
  complain(fmt::format("HOLDWATCH_ON_REPORT: cannot run {}: {}", escape(path), why).c_str(), "reports are only logged");
  return programs;
}

// False if it has already been written, by the watcher.
bool claim_first_line(const Report& report) {
  return report.first_line_written == nullptr || !report.first_line_written->exchange(true);
}

// The first report that is shown of an episode, whatever was left out before, is a whole one.
Report as_beginning(Report report) {
  report.phase = Phase::over;
  return report;
}

// What was shown before, whether or not it is time for the next line about it.
bool is_repeated(const Report& report) {
  return report.recurrence.shown_as == ShownAs::line || report.recurrence.shown_as == ShownAs::nothing;
}

class WritingScope {
 public:
  explicit WritingScope(const WritingCalls& writing) : writing_(writing) {
    if (writing_.begins != nullptr) writing_.begins();
  }
  ~WritingScope() {
    if (writing_.ends != nullptr) writing_.ends();
  }
  WritingScope(const WritingScope&) = delete;
  WritingScope& operator=(const WritingScope&) = delete;

 private:
  const WritingCalls& writing_;
};

std::string_view bounded(const char (&text)[kTextOptionSize]) {
  return {text, strnlen(text, sizeof text)};
}

}  // namespace

struct Emitter::State {
  State(const Settings& settings, const ProcessFacts& facts, const Complain& complain, WritingCalls calls)
      : writing(calls),
        pid(facts.pid),
        text(text_output(bounded(settings.log), settings.color, facts, complain)),
        json(json_output(bounded(settings.json), facts, complain)),
        programs(report_programs(bounded(settings.on_report), complain)),
        abort_on_report(bounded(settings.on_report) == "abort"),
        rate(settings.rate),
        rate_setting(settings.rate) {}

  void write_report(const Report& report, const std::string& json_line, const std::string& lines, size_t written);
  void notice(std::string_view line) { text.write(Severity::warning, tagged(pid, line), nullptr); }
  void report_suppressed(bool final);
  void report_losses(Channel& channel, bool final);
  bool is_first_line_written(const Report& report);
  void write_text(const Report& report, const std::string& lines, size_t written);
  void run_program(const std::string& line);
  void render_and_write(const Report& report, std::string* text_out, std::string* json_out);
  bool admit(Event event, Phase phase, uint64_t episode);

  WritingCalls writing;
  int pid;  // stored because a filter of the program may later forbid getpid
  Channel text;
  Channel json;
  ReportPrograms programs;
  bool abort_on_report;
  RateLimit rate;
  uint64_t rate_setting;
  bool admitted = false;   // a report was admitted and not yet emitted
  std::string first_line;  // of the admitted report, if already written
  uint64_t not_run = 0;
};

// `written`: how much of it has been written already, as the first line.
void Emitter::State::write_text(const Report& report, const std::string& lines, size_t written) {
  const ShownAs shown_as = written > 0 && is_repeated(report) ? ShownAs::line : report.recurrence.shown_as;
  switch (shown_as) {
    case ShownAs::report:
      if (written > 0 || !is_first_line_written(report))
        text.write(severity_of(report), lines.substr(written), &report);
      break;
    case ShownAs::beginning:
      text.write(severity_of(report), render_text(as_beginning(report)), &report);
      break;
    case ShownAs::line:
      if (written > 0)
        text.write(severity_of(report), render_recurrence_detail(report), &report);
      else if (claim_first_line(report))
        text.write(severity_of(report), render_recurrence(report), &report);
      break;
    case ShownAs::nothing:
      claim_first_line(report);
      break;
  }
}

// Both close together, so that the end of the process leaves both or none. JSON first: a file rarely blocks, whatever stderr refers
// to sometimes does.
void Emitter::State::write_report(const Report& report, const std::string& json_line, const std::string& lines,
                                  size_t written) {
  const WritingScope scope(writing);
  json.write(severity_of(report), json_line + '\n', &report);
  write_text(report, lines, written);
}

bool Emitter::State::admit(Event event, Phase phase, uint64_t episode) {
  if (admitted) rate.withdraw();
  admitted = rate.admit(phase, episode, now_ns(), ending_of(event) == Ending::lasts_forever);
  first_line.clear();
  return admitted;
}

void Emitter::State::report_suppressed(bool final) {
  const std::optional<LeftOut> left_out = rate.take_left_out(now_ns(), final);
  if (!left_out) return;
  constexpr uint64_t kMinuteNs = 60'000'000'000;
  const std::string period =
      left_out->period_ns <= kMinuteNs + kMinuteNs / 10 ? "minute" : format_duration(left_out->period_ns);
  notice(fmt::format("{} suppressed in the last {} (RATE={})", count_of(left_out->reports, "report", "reports"), period,
                     rate_setting));
}

// True for a one-line report if the watcher, because we were late, has already written that line to the same place.
bool Emitter::State::is_first_line_written(const Report& report) {
  const bool was_ours = claim_first_line(report);
  const bool is_one_line = report.phase == Phase::still || report.phase == Phase::released;
  return !was_ours && is_one_line && text.open() && text.output().name() == "stderr";
}

// While the text's own destination fails, the losses are reported on stderr, once. When it works again, their number is
// written there.
void Emitter::State::report_losses(Channel& channel, bool final) {
  if (!channel.open()) return;
  const bool on_stderr = &channel == &text && text.output().failing();
  if (on_stderr && text.output().name() == "stderr") return;
  const Output::Losses losses = channel.output().take_losses(final);
  if (losses.reports == 0) return;
  const std::string line =
      fmt::format("{} could not be written to {}: {}", count_of(losses.reports, "report", "reports"),
                  escape(channel.output().name()), reason_text(losses.reason));
  if (on_stderr) {
    StderrOutput().write({tagged(pid, line)});
  } else {
    notice(line);
  }
}

// As with losses: prints the first failure, and once the program runs again, how often it was not run.
void Emitter::State::run_program(const std::string& line) {
  if (programs.empty()) return;
  int reason = EBUSY;
  for (size_t i = 0; i < programs.size() && reason == EBUSY; ++i) reason = programs[i]->start(line);
  if (reason == 0) {
    if (not_run > 1) notice(fmt::format("ON_REPORT: the program was not run for {} reports", not_run));
    not_run = 0;
  } else if (not_run++ == 0) {
    notice(fmt::format("ON_REPORT: the program was not run: {}",
                       reason == EBUSY ? "it is still running for earlier reports" : reason_text(reason)));
  }
}

void Emitter::State::render_and_write(const Report& report, std::string* text_out, std::string* json_out) {
  const std::string early_line = std::exchange(first_line, {});
  // Not between the first line and the rest.
  if (early_line.empty()) report_suppressed(false);

  std::string json_line = render_json(report);
  std::string lines = render_text(report);
  if (!early_line.empty()) lines.replace(0, lines.find('\n') + 1, early_line);
  write_report(report, json_line, lines, early_line.size());
  report_losses(json, false);
  report_losses(text, false);

  if (abort_on_report) std::abort();
  run_program(json_line);
  if (text_out != nullptr) *text_out = std::move(lines);
  if (json_out != nullptr) *json_out = std::move(json_line);
}

Emitter::Emitter(const Settings& settings, const Complain& complain, WritingCalls writing)
    : state_(std::make_unique<State>(settings, current_process_facts(), complain ? complain : complain_on_stderr,
                                     writing)) {}

Emitter::~Emitter() = default;

bool Emitter::admit(Event event, Phase phase, uint64_t episode) try {
  return state_->admit(event, phase, episode);
} catch (...) {
  return false;
}

bool Emitter::emit(const Report& report, std::string* text, std::string* json) try {
  State& state = *state_;
  if (!state.admitted && !state.admit(report.event, report.phase, report.episode)) return false;
  state.admitted = false;
  const bool begins_late = report.phase == Phase::still && state.rate.begins();
  state.render_and_write(begins_late ? as_beginning(report) : report, text, json);
  return true;
} catch (...) {
  return false;  // out of memory: the report is lost, the program is not affected
}

bool Emitter::write_first_line(const Report& facts) try {
  State& state = *state_;
  if (!state.admitted || !state.first_line.empty() || !state.text.open() || !state.text.output().takes_lines())
    return false;
  state.report_suppressed(false);
  std::string line = render_text(facts);
  line.resize(line.find('\n') + 1);
  claim_first_line(facts);
  const WritingScope scope(state.writing);
  // Without the report: if it cannot be written, it is counted only once, with the rest of the report.
  state.text.write(severity_of(facts), line, nullptr);
  if (!state.text.output().failing()) state.first_line = std::move(line);
  return !state.first_line.empty();
} catch (...) {
  return false;
}

void Emitter::notice(std::string_view line) try { state_->notice(line); } catch (...) {
}

void Emitter::flush() try {
  state_->report_suppressed(true);
  state_->report_losses(state_->json, true);
  state_->report_losses(state_->text, true);
} catch (...) {
}

}  // namespace holdwatch
