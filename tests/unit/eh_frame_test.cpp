#include "symbolizer/unwind/eh_frame.h"

#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using holdwatch::test::ByteVector;
using holdwatch::test::FakeMemory;
using holdwatch::test::FakeModule;
using holdwatch::test::FakePersonality;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;

std::optional<Procedure> look_up(const FakeModule& module, uintptr_t pc) {
  FakeMemory memory;
  Modules modules(-1, memory);
  memory.regions[kBase] = module.image;
  modules.update(module.maps());
  REQUIRE(modules.all().size() == 1);
  return find_procedure(*modules.all().front(), memory, pc);
}

// Whether a function whose FDE has this program is believed.
bool believed(const ByteVector& program) {
  const FakeModule module(kBase, {{{0xc3}, program}});
  return look_up(module, module.function(0)).has_value();
}

}  // namespace

TEST_CASE("the table leads to the function that contains an address") {
  const FakeModule module(kBase, {{{0xc3}, {}}, {{0xc3}, {}}, {{0xc3}, {}}});
  for (size_t i = 0; i < 3; ++i) {
    for (const uintptr_t offset : {0u, 1u, 0xffu}) {
      const auto procedure = look_up(module, module.function(i) + offset);
      REQUIRE(procedure.has_value());
      CHECK(procedure->start == module.function(i));
      CHECK(procedure->end == module.function(i) + FakeModule::kFunctionSpacing);
    }
  }
  CHECK_FALSE(look_up(module, module.function(0) - 1).has_value());
  CHECK_FALSE(look_up(module, module.function(3)).has_value());
}

TEST_CASE("the personality routine of a function is found, also through a pointer") {
  const auto found = [](const std::optional<FakePersonality>& personality) {
    const FakeModule module(kBase, {{{0xc3}, {}, {0xff}}, {{0xc3}, {}}}, personality);
    FakeMemory memory;
    Modules modules(-1, memory);
    memory.regions[kBase] = module.image;
    modules.update(module.maps());
    REQUIRE(find_procedure(*modules.all().front(), memory, module.function(0)).has_value());
    return find_personality(*modules.all().front(), memory, module.function(0));
  };
  const uintptr_t second = FakeModule(kBase, {}).function(1);
  CHECK(found(FakePersonality{1, true}) == second);
  CHECK(found(FakePersonality{1, false}) == second);
  CHECK(found(std::nullopt) == 0);
}

TEST_CASE("what compilers write is believed") {
  CHECK(believed({}));
  CHECK(believed({0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6}));     // push %rbp; mov %rsp,%rbp
  CHECK(believed({0x0f, 3, 0x76, 0x78, 0x06}));                  // CFA = *(rbp - 8), an over-aligned frame
  CHECK(believed({0x10, 6, 2, 0x76, 0}));                        // rbp saved at *rbp
  CHECK(believed({0x0a, 0xc6, 0x0b, 0x07, 16, 0x2e, 0x80, 1}));  // remember, restore, undefined rip, args_size
  CHECK(believed({0x02, 4, 0x03, 1, 0, 0x04, 1, 0, 0, 0}));      // advance_loc1, 2, 4
  // The procedure linkage table: CFA = rsp + 8 + ((rip & 15) >= 11) * 8
  CHECK(believed({0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}));
}

TEST_CASE("numbers that libunwind would use as an index unchecked are refused") {
  CHECK_FALSE(believed({0x09, 6, 0x80, 0x7f}));  // a register saved in register 16256
  CHECK_FALSE(believed({0x09, 17, 6}));
  CHECK_FALSE(believed({0x91, 1}));  // register 17 saved
  CHECK_FALSE(believed({0x07, 17}));
  CHECK(believed({0x09, 6, 3}));
}

TEST_CASE("programs that stop in the middle or do what is not known are refused") {
  CHECK_FALSE(believed({0x0c, 7}));
  CHECK_FALSE(believed({0x0f, 50, 0x76}));
  CHECK_FALSE(believed({0x04, 1}));
  CHECK_FALSE(believed({0x2f, 6, 1}));
  CHECK_FALSE(believed({0x3f}));
  CHECK_FALSE(believed({0x0e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}));
}

TEST_CASE("expressions that may never end or trap are refused") {
  CHECK_FALSE(believed({0x0f, 3, 0x2f, 0xfd, 0xff}));              // skip back to itself
  CHECK_FALSE(believed({0x0f, 5, 0x30, 0x28, 0xfc, 0xff, 0x22}));  // bra
  CHECK_FALSE(believed({0x0f, 5, 0x77, 0, 0x11, 0x7f, 0x1b}));     // division by -1
  CHECK_FALSE(believed({0x0f, 2, 0x92, 6}));                       // bregx
  CHECK_FALSE(believed({0x0f, 2, 0x90, 0}));                       // a register beyond rip
  CHECK_FALSE(believed({0x0f, 2, 0x0e, 1}));                       // const8u cut short
}

TEST_CASE("a common part that libunwind would misread is refused") {
  FakeModule module(kBase, {{{0xc3}, {}}});
  const std::vector<holdwatch::test::FakeFunction> functions = {{{0xc3}, {}}};
  SECTION("no rule for the frame's address") {
    module.common_program = {0x90, 1};
    module.build(functions);
  }
  SECTION("a return address in a register that does not exist") {
    module.return_column = 200;
    module.build(functions);
  }
  SECTION("an unknown version") {
    module.image[FakeModule::kFrames + 8] = 9;
  }
  SECTION("an unknown augmentation") {
    module.image[FakeModule::kFrames + 10] = 'Q';
  }
  SECTION("an unknown pointer encoding") {
    module.image[FakeModule::kFrames + 16] = 0x50;
  }
  SECTION("an endless augmentation string") {
    std::fill_n(module.image.begin() + FakeModule::kFrames + 9, 60, 'R');
  }
  CHECK_FALSE(look_up(module, kBase + FakeModule::kCode).has_value());
}

TEST_CASE("a table that lies is refused") {
  FakeModule module(kBase, {{{0xc3}, {}}, {{0xc3}, {}}});
  const size_t count = FakeModule::kHeader + 8, entry = FakeModule::kHeader + 12;
  const size_t description = module.descriptions[0];
  SECTION("more entries than the segment has room for") {
    test::put<uint32_t>(module.image, count, 0x20000000);
  }
  SECTION("no entries") {
    test::put<uint32_t>(module.image, count, 0);
  }
  SECTION("an unknown version") {
    module.image[FakeModule::kHeader] = 2;
  }
  SECTION("an unsorted table's encoding") {
    module.image[FakeModule::kHeader + 3] = 0xff;
  }
  SECTION("an entry that leads out of the module") {
    test::put<int32_t>(module.image, entry + 4, 0x7fffffff);
  }
  SECTION("an entry that leads before the module") {
    test::put<int32_t>(module.image, entry + 4, -0x7fffffff);
  }
  SECTION("an entry that leads to the common part") {
    test::put(module.image, entry + 4, int32_t{FakeModule::kFrames} - int32_t{FakeModule::kHeader});
  }
  SECTION("a description of no length") {
    test::put<uint32_t>(module.image, description, 0);
  }
  SECTION("a description beyond the module") {
    test::put<uint32_t>(module.image, description, 0x100000);
  }
  SECTION("a description of the 64-bit form") {
    test::put<uint32_t>(module.image, description, 0xffffffff);
  }
  SECTION("a common part before the module") {
    test::put<uint32_t>(module.image, description + 4, 0x10000000);
  }
  SECTION("a function outside the module") {
    test::put<int32_t>(module.image, description + 8, 0x10000000);
  }
  SECTION("a function that reaches out of the module") {
    test::put<uint32_t>(module.image, description + 12, 0x10000);
  }
  SECTION("an augmentation beyond the description") {
    module.image[description + 16] = 0x7f;
  }
  CHECK_FALSE(look_up(module, module.function(0)).has_value());
}
