// A search through the descriptors of all processes, for which there is little time: a report may have many holders, and a host many
// descriptors.
// Cold context only. Reads directories and links of /proc; opens nothing of other processes.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>

namespace holdwatch {

struct SearchMoment {
  std::chrono::nanoseconds processor;  // that the calling thread has had
  std::chrono::nanoseconds wall;
};
SearchMoment search_moment();

// How long one search may last: less if others have taken their time just before. Processor time decides, so that one and the same
// search also succeeds where the thread is seldom let run; the other limit only keeps the report from waiting for it without end.
class SearchTime {
 public:
  using Now = SearchMoment (*)();

  explicit SearchTime(Now now = search_moment);
  ~SearchTime();
  SearchTime(const SearchTime&) = delete;
  SearchTime& operator=(const SearchTime&) = delete;
  bool is_over() const;

 private:
  SearchMoment spent() const;

  const Now now_;
  const SearchMoment began_;
};

// Until `visit(path)` returns false, or the time is over. An increment of the iterator without an error code would throw when the
// process exits meanwhile.
template <typename Visit>
void for_each_entry(const std::string& directory, const SearchTime& time, Visit visit) {
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator() && !time.is_over(); entry.increment(error)) {
    if (!visit(entry->path())) return;
  }
}

}  // namespace holdwatch
