// What is known of the process at present: its latest list, as rows that can be explained; and when to ask for the next one.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "symbolizer/tools/top/command_line.h"
#include "symbolizer/tools/top/lock_list_source.h"
#include "symbolizer/tools/top/row_explainer.h"
#include "symbolizer/tools/top/screen_text.h"

namespace holdwatch::top {

class Present {
 public:
  // Waits for the first list. Throws Refusal, as update() does, if there is none.
  explicit Present(const TopArguments& arguments);

  // Asks for the next list when it is time, and takes it when it is there. Returns whether it did.
  bool update();
  // At most so long until update() may have something to do.
  std::chrono::milliseconds time_until_due() const;
  // Why the list is not of the present; may change without a new list.
  std::string remark() const { return source_.why_none(); }

  ProcessFacts process(const std::string& remark) const;
  Totals totals() const { return totals_of(*list_, rows_); }
  ShownRows shown(const std::vector<Place>& places);
  const std::vector<Row>& rows() const { return rows_; }

 private:
  using Clock = std::chrono::steady_clock;

  void await_first();

  const int pid_;
  const std::chrono::nanoseconds interval_;
  LockListSource source_;
  const std::string name_;
  RowExplainer explainer_;
  std::unique_ptr<LockList> list_;
  std::vector<Row> rows_;
  std::string time_;
  Clock::time_point next_request_;
  std::chrono::milliseconds pause_;  // until the answer is looked for again
};

}  // namespace holdwatch::top
