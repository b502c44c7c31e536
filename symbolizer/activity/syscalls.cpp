// See syscalls.h. The rows with arguments are in syscalls.def.
#include "symbolizer/activity/syscalls.h"

#include <algorithm>
#include <iterator>

namespace holdwatch {
namespace {

constexpr SystemCallRow kRows[] = {
#define SYSTEM_CALL(number, name, arguments) {number, name, arguments},
#include "symbolizer/activity/syscalls.def"
#undef SYSTEM_CALL
};

constexpr bool by_number(const SystemCallRow& row, long number) {
  return row.number < number;
}

constexpr bool before(const SystemCallRow& left, const SystemCallRow& right) {
  return left.number < right.number;
}
static_assert(std::is_sorted(std::begin(kRows), std::end(kRows), before), "the search needs the rows in order");

const SystemCallRow* find(const SystemCallRow* begin, const SystemCallRow* end, long number) {
  const SystemCallRow* row = std::lower_bound(begin, end, number, by_number);
  return row != end && row->number == number ? row : nullptr;
}

}  // namespace

const SystemCallRow* find_system_call(long number) {
  const SystemCallRow* row = find(std::begin(kRows), std::end(kRows), number);
  return row != nullptr ? row : find(kHeaderRows, kHeaderRows + kHeaderRowCount, number);
}

}  // namespace holdwatch
