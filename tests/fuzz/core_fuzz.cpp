// libFuzzer target: a core file with any bytes changed. What is read of it is in order and within bounds, and no count or
// size in it makes the reader work for longer than the file is.
#include "symbolizer/tools/inspect/core_file.h"
#include "symbolizer/tools/inspect/core_memory.h"
#include "symbolizer/unwind/maps_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_core.h"

using namespace holdwatch;
using fuzz::check;

namespace {

template <typename Range>
void check_order(const std::vector<Range>& ranges) {
  uintptr_t end = 0;
  for (const Range& range : ranges) {
    check(range.start >= end && range.start < range.end);
    end = range.end;
  }
}

void check_core(const CoreFile& core, size_t size) {
  check(core.fault.empty() == !core.threads.empty());
  check(core.threads.size() <= size / sizeof(user_regs_struct));
  check(core.segments.size() <= size / sizeof(Elf64_Phdr) && core.mappings.size() <= size / 24);
  check_order(core.segments);
  check_order(core.mappings);
  for (const CoreSegment& segment : core.segments) check(segment.stored <= segment.end - segment.start);
  check_order(left_out(core));
}

// One line a segment, which the reader of maps files understands.
void check_maps(const CoreFile& core) {
  const std::vector<Mapping> mappings = parse_maps(maps_text(core));
  check(mappings.size() == core.segments.size());
  for (size_t i = 0; i < mappings.size(); ++i) check(mappings[i].start == core.segments[i].start);
}

// No file is opened: a mapping's path is the input's word.
void check_memory(CoreFile core, MemoryReader& file, fuzz::Choices& choices) {
  core.mappings.clear();
  CoreMemory memory(core, file);
  unsigned char bytes[256];
  for (int i = 0; i < 8; ++i) check(memory.read(choices.take<uint64_t>(), bytes, sizeof bytes) <= sizeof bytes);
  for (const CoreSegment& segment : core.segments) {
    check(memory.read(segment.start, bytes, sizeof bytes) <= sizeof bytes);
    check(memory.read(segment.end - 1, bytes, sizeof bytes) <= sizeof bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  test::FakeCore fake;
  test::ByteVector bytes = fake.bytes();
  // Headers and notes come first; the rest is memory.
  test::ByteVector front(bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(fake.memory.size()));
  fuzz::edit(choices, front, 1 + choices.take<uint8_t>() % 32);
  std::copy(front.begin(), front.end(), bytes.begin());
  bytes.resize(bytes.size() - choices.take<uint16_t>() % bytes.size());
  test::FakeMemory file = test::file_of(bytes);
  const CoreFile core = read_core_file(file);
  check_core(core, bytes.size());
  check_maps(core);
  check_memory(core, file, choices);
  return 0;
}
