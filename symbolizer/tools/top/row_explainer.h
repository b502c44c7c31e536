// What a row shows beyond the list: the holder's name and what it is doing, where it took the lock, and, unfolded, all that a
// report says.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "symbolizer/report/build.h"
#include "symbolizer/tools/top/lock_rows.h"
#include "symbolizer/tools/top/table_text.h"
#include "symbolizer/tools/top/thread_looks.h"

namespace holdwatch::top {

class RowExplainer {
 public:
  // Throws attach::Refusal if the process cannot be looked into.
  explicit RowExplainer(int pid);

  // A new list has come. `rows` are all of its rows, and must outlive what is asked about them.
  void begin(const std::vector<Row>& rows);

  const RowFacts& facts(const Row& row);
  // Where it was taken, where the holder is now, and who waits: the lines of a report.
  const std::vector<std::string>& details(const Row& row);

 private:
  struct TakenIn {
    std::string text;
    bool is_final = false;  // not to be improved by a stack that could not be seen yet
    bool is_asked = true;   // since the last list
  };

  RowFacts find_facts(const Row& row);
  std::string taken_in(const Row& row, const ListedHold& hold);
  std::string doing(const Row& row, const ListedHold& hold);
  std::string name_of(const ListedLock& lock);
  const ThreadLook* look(const ListedHold& hold, ThreadLooks::Stack stack);
  void describe_holder(const Row& row, const ListedHold& hold, Holder& out);
  void describe_waiter(const Row& row, const ListedWait& wait, bool with_stack, Waiter& out);
  Report report_of(const Row& row, bool with_waiters);
  uint32_t awaited_by(const Row& row) const;

  ThreadLooks threads_;
  ReportBuilder builder_;
  const std::vector<Row>* rows_ = nullptr;
  std::map<uintptr_t, RowFacts> facts_;  // of the present list, by lock
  std::map<uintptr_t, std::vector<std::string>> details_;
  std::map<ListedUse, TakenIn> taken_;
  std::map<std::pair<uintptr_t, uint32_t>, std::string> variables_;  // by address and id
};

}  // namespace holdwatch::top
