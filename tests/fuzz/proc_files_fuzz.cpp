// libFuzzer target: texts that are almost what the kernel writes into /proc/PID/maps, status, stat and syscall. What the parsers
// make of them is in order and within bounds, and no name or path passes for a line.
#include <algorithm>
#include <string>

#include "shim/common/proc/maps_search.h"
#include "shim/common/proc/thread_files.h"
#include "symbolizer/unwind/maps_file.h"
#include "tests/fuzz/fuzz.h"

using namespace holdwatch;
using fuzz::check;

extern "C" size_t LLVMFuzzerMutate(unsigned char* data, size_t size, size_t max_size);

namespace {

constexpr std::string_view kMaps =
    "55d0c8000000-55d0c8021000 r--p 00000000 fd:01 1234                       /usr/bin/server\n"
    "55d0c8021000-55d0c8040000 r-xp 00021000 fd:01 1234                       /usr/bin/server\n"
    "55d0c9000000-55d0c9021000 rw-p 00000000 00:00 0                          [heap]\n"
    "7f0000000000-7f0000002000 rwxs 00000000 00:01 77                         /memfd:jit (deleted)\n"
    "7f0000002000-7f0000003000 ---p 00000000 00:00 0 \n"
    "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
constexpr std::string_view kStatus =
    "Name:\tworker\\n1\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4711\nNSpid:\t4712\t12\nThreads:\t40\n"
    "SigBlk:\tfffffffe7ffbfeff\nSeccomp:\t0\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t3\n";
constexpr std::string_view kSyscall = "7 0x7ffd0a 0x1 0xffffffff 0x8 0x0 0x7f0000 0x7ffd00000f00 0x7f00000010ad\n";
constexpr std::string_view kStat =
    "4700 (a) b) S 1 1 1 0 -1 4194560 96 0 0 0 0 0 0 0 20 0 1 0 1234 2600960 220 18446744073709551615\n";

// Every piece ends in the file's middle or at its end, as reads do.
MemoryRange search_in_pieces(std::string_view text, uintptr_t address, MappedAs what, size_t piece) {
  MapsSearch search(address, what);
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    if (search.take(text.substr(0, piece))) break;
  return search.result();
}

void check_maps(std::string_view text) {
  uintptr_t end = 0;
  const std::vector<Mapping> mappings = parse_maps(text);
  for (const Mapping& mapping : mappings) {
    check(mapping.start >= end && mapping.start < mapping.end);
    end = mapping.end;
  }
  const uintptr_t address = mappings.empty() ? 0x7ffd00000010 : mappings.back().start;
  for (const MappedAs what : {MappedAs::stack, MappedAs::code}) {
    const MemoryRange range = search_in_pieces(text, address, what, text.size());
    check(range.start == range.end || range.contains(address));
    const MemoryRange same = search_in_pieces(text, address, what, 7);
    check(same.start == range.start && same.end == range.end);
  }
}

void check_status(std::string_view text) {
  StatusFile status;
  if (parse_status(text, &status)) check(status.state != '?' || text.find("State:\t?") != std::string_view::npos);
  count_switches(text);
  pending_signals(text);
  const auto state = status_field(text, "State");
  if (state) check(state->data() >= text.data() && state->data() + state->size() <= text.data() + text.size());
}

void check_stat(std::string_view text) {
  const auto start = stat_number(text, 22);
  check(parse_start_time(text).has_value() == start.has_value());
}

void check_syscall(std::string_view text) {
  const SyscallFile file = parse_syscall(text);
  check(file.call.known == (file.kind == SyscallFile::Kind::in_call));
}

}  // namespace

// A random start would never come to a second line.
extern "C" size_t LLVMFuzzerCustomMutator(unsigned char* data, size_t size, size_t max_size, unsigned seed) {
  const std::string_view samples[] = {kMaps, kStatus, kSyscall, kStat};
  const std::string_view sample = samples[seed / 16 % 4];
  if ((size < 8 || seed % 16 == 0) && sample.size() <= max_size) {
    std::copy(sample.begin(), sample.end(), data);
    size = sample.size();
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_maps(text);
  check_status(text);
  check_syscall(text);
  check_stat(text);
  return 0;
}
