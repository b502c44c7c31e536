// libFuzzer target: .eh_frame_hdr and .eh_frame with any bytes changed, or made of any bytes. A procedure that is believed
// contains the address, lies in its module, and was found with a bounded number of reads.
#include "symbolizer/unwind/eh_frame.h"
#include "symbolizer/unwind/frame_program.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using fuzz::check;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;
constexpr size_t kMaxReads = 64;

void check_look_up(const Module& module, test::FakeMemory& memory, uintptr_t pc) {
  memory.reads = 0;
  const std::optional<Procedure> procedure = find_procedure(module, memory, pc);
  check(memory.reads < kMaxReads);
  if (!procedure) return;
  check(procedure->contains(pc) && procedure->start >= module.start && procedure->end <= module.end);
  check(procedure->table_entry > module.eh_frame_hdr &&
        procedure->table_entry + 8 <= module.eh_frame_hdr + module.eh_frame_hdr_size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  const auto program_size = choices.take<uint8_t>();
  test::ByteVector program;
  while (program.size() < program_size % 64u && choices.more()) program.push_back(choices.take<unsigned char>());
  bool defines_cfa = false;
  check_frame_program(Bytes(program.data(), program.size()), 0x1b, defines_cfa);

  test::FakeModule fake(kBase, {{{0xc3}, program}, {{0xc3}, {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6}}, {{0xc3}, {}}});
  test::ByteVector tables(fake.image.begin() + test::FakeModule::kHeader, fake.image.begin() + 0x600);
  fuzz::edit(choices, tables, 64);
  std::copy(tables.begin(), tables.end(), fake.image.begin() + test::FakeModule::kHeader);

  test::FakeMemory memory;
  Modules modules(-1, memory);
  memory.regions[kBase] = fake.image;
  modules.update(fake.maps());
  check(modules.all().size() == 1);
  for (size_t function = 0; function < 3; ++function)
    check_look_up(*modules.all().front(), memory, fake.function(function) + 1);
  check_look_up(*modules.all().front(), memory, kBase);
  return 0;
}
