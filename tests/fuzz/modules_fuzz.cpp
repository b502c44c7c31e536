// libFuzzer target: an address space in which maps, ELF headers and notes are not what they should be, twice in a row. The
// modules stay within their mappings, in order, and findable, and the readers look at a bounded number of bytes.
#include <string>

#include "symbolizer/unwind/modules.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using fuzz::check;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;
constexpr size_t kMaxReads = 1000;  // a module has at most 128 program headers, a maps text of ours few modules

void check_module(const Module& module) {
  check(module.start < module.end);
  uintptr_t end = module.start;
  for (const auto& [from, to] : module.executable) {
    check(from >= end && from < to && to <= module.end);
    check(module.executes(from) && module.executes(to - 1));
    end = to;
  }
  if (module.eh_frame_hdr != 0) {
    check(module.contains(module.eh_frame_hdr) && module.eh_frame_hdr_size <= module.end - module.eh_frame_hdr);
  }
  check(module.entry == 0 || module.contains(module.entry));
  check(module.build_id.size() <= 8192 && module.build_id.find_first_not_of("0123456789abcdef") == std::string::npos);
}

void check_modules(const Modules& modules) {
  uintptr_t end = 0;
  for (const auto& module : modules.all()) {
    check_module(*module);
    check(module->start >= end && !module->executable.empty());
    end = module->end;
    check(modules.find(module->start) == module.get() && modules.find(module->end - 1) == module.get());
  }
}

// Addresses of the maps text are among those of the memory, so that the edited headers are read.
std::string maps_of(const test::FakeModule& first, const test::FakeModule& second) {
  return first.maps() + "7f0000002000-7f0000009000 rw-p 0 00:00 0\n" + second.maps() +
         "7f0000012000-7f0000013000 r-xp 00002000 08:01 78 /lib/other.so (deleted)\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  test::FakeMemory memory;
  Modules modules(-1, memory);
  test::FakeModule first(kBase, {{{0xc3}, {}}});
  test::FakeModule second(kBase + 0x10000, {{{0xc3}, {}}, {{0xc3}, {}}});
  for (int round = 0; round < 2; ++round) {
    const auto text_edits = choices.take<uint8_t>();
    std::string maps = maps_of(first, second);
    fuzz::edit(choices, maps, text_edits % 8);
    // Headers and notes are all in the first KiB.
    test::ByteVector headers(first.image.begin(), first.image.begin() + 0x400);
    fuzz::edit(choices, headers, 16);
    std::copy(headers.begin(), headers.end(), first.image.begin());
    memory.regions[first.base] = first.image;
    memory.regions[second.base] = second.image;
    memory.reads = 0;
    modules.update(maps);
    check(memory.reads < kMaxReads);
    check_modules(modules);
  }
  return 0;
}
