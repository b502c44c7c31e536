// See complaints.h.
#include "shim/attach/complaints.h"

#include <atomic>
#include <cstring>

#include "shim/base/clock.h"
#include "shim/common/contract/control_block.h"
#include "shim/common/text/text_buffer.h"
#include "shim/own_threads/standard_error.h"
#include "shim/reporter/reporter.h"
#include "shim/reporter/symbolizer_link.h"

namespace holdwatch {
namespace {

constexpr uint64_t kPatienceNs = 5 * kNanosecondsPerSecond;

// Of the one kind, one after the other.
class Heard {
 public:
  void clear() { text_[0] = '\0'; }
  void add(std::string_view line) {
    const size_t length = strlen(text_);
    TextBuffer(text_ + length, sizeof text_ - length) << (length > 0 ? "; " : "") << line;
  }
  const char* text() const { return text_[0] == '\0' ? nullptr : text_; }

 private:
  char text_[kControlAnswerSize / 2];
};

constinit Heard g_refusals{}, g_remarks{};
std::atomic<bool> g_listening{false};

void complain(const char* what, const char* instead) {
  if (g_listening.load())
    g_refusals.add(what);
  else
    say(Line<1024>() << what << "; " << instead);
}

void remark(std::string_view line) {
  if (g_listening.load()) g_remarks.add(line);
}

}  // namespace

void listen_for_complaints() {
  g_refusals.clear();
  g_remarks.clear();
  g_listening.store(true);
  g_complain = complain;
  g_hear_complaint = remark;
}

Complaints hear_complaints() {
  const bool has_looked = reporter_is_ready(kPatienceNs);
  g_listening.store(false);
  return has_looked ? Complaints{g_refusals.text(), g_remarks.text()} : Complaints{};
}

}  // namespace holdwatch
