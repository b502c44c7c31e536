// The rules of Symbols that show in a living process: this one. Those that need files of a certain make are in
// tests/symbols.
#include "symbolizer/symbols/symbols.h"

#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>
#include <string>

#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"

// Data whose symbol says neither that it is code nor that it is not.
asm(".pushsection .data\n"
    ".globl symbols_test_untyped\n"
    "symbols_test_untyped: .quad 1, 2\n"
    ".size symbols_test_untyped, . - symbols_test_untyped\n"
    ".popsection\n");
extern "C" const unsigned char symbols_test_untyped[];

namespace holdwatch {
namespace symbols_test {

[[gnu::noinline]] int named_function(const std::string& text) {
  asm volatile("");
  return static_cast<int>(text.size());
}

}  // namespace symbols_test

namespace {

struct Self {
  ProcessMemory memory{getpid()};
  Modules modules{getpid(), memory};
  Self() { REQUIRE(modules.refresh()); }
};

template <typename Function>
uintptr_t address_of(Function* function) {
  return reinterpret_cast<uintptr_t>(function);
}

std::set<std::string> open_descriptors() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) names.insert(entry.path());
  return names;
}

// Looks a function up whose debug data is too large to be read in this time.
Frame look_up_in_no_time(Symbols& symbols, Self& self) {
  const auto address = address_of(&symbols_test::named_function);
  while (true) {
    symbols.begin_report(std::chrono::milliseconds(1));
    const Frame frame = symbols.resolve(address, true, self.modules.find(address)).back();
    if (!frame.function.empty()) return frame;  // otherwise the time was over before the look-up began
  }
}

Frame look_up(Symbols& symbols, Self& self) {
  const auto address = address_of(&symbols_test::named_function);
  symbols.begin_report(std::chrono::minutes(10));
  return symbols.resolve(address, true, self.modules.find(address)).back();
}

TEST_CASE("debug data that took too long to read is said to be missing, and read again later") {
  Self self;
  DebugSearch search;
  search.retry = std::chrono::milliseconds(0);
  Symbols symbols(Symbolize::full, search);
  CHECK(look_up_in_no_time(symbols, self).line == 0);
  CHECK(symbols.lacks_debug_data());
  CHECK(look_up(symbols, self).line > 0);
  CHECK_FALSE(symbols.lacks_debug_data());
}

TEST_CASE("debug data that took too long to read is not read again at once") {
  Self self;
  Symbols symbols(Symbolize::full);
  CHECK(look_up_in_no_time(symbols, self).line == 0);
  CHECK(look_up(symbols, self).line == 0);
  CHECK(symbols.lacks_debug_data());
}

TEST_CASE("an address in no module is a frame with its address alone") {
  Symbols symbols(Symbolize::full);
  const auto frames = symbols.resolve(0x1234, true, nullptr);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].ip == 0x1234);
  CHECK(frames[0].module.empty());
  CHECK(frames[0].function.empty());
  CHECK_FALSE(frames[0].inlined);
}

TEST_CASE("a function of this program is found with its parameters, its file and its line") {
  Self self;
  const uintptr_t pc = address_of(symbols_test::named_function);
  const Module* module = self.modules.find(pc);
  REQUIRE(module != nullptr);
  Symbols symbols(Symbolize::full);
  const Frame frame = symbols.resolve(pc, true, module).back();
  CHECK(frame.function == "holdwatch::symbols_test::named_function(std::string const&)");
  CHECK(std::filesystem::path(frame.file).filename() == "symbols_test.cpp");
  CHECK(frame.line > 0);
  CHECK(frame.offset == module->offset_of(pc));
  CHECK(frame.build_id == module->build_id);
  CHECK(std::filesystem::equivalent(frame.module, "/proc/self/exe"));
}

TEST_CASE("names gives functions without lines, off gives neither") {
  Self self;
  const uintptr_t pc = address_of(symbols_test::named_function);
  const Module* module = self.modules.find(pc);
  const auto named = Symbols(Symbolize::names).resolve(pc, true, module);
  REQUIRE(named.size() == 1);
  CHECK(named[0].function == "holdwatch::symbols_test::named_function(std::string const&)");
  CHECK(named[0].file.empty());
  CHECK(named[0].line == 0);
  const auto off = Symbols(Symbolize::off).resolve(pc, true, module);
  REQUIRE(off.size() == 1);
  CHECK(off[0].function.empty());
  CHECK(off[0].module == module->path);
  CHECK(off[0].offset == module->offset_of(pc));
}

TEST_CASE("a return address names the call before it, and keeps its own value") {
  Self self;
  const uintptr_t start = address_of(symbols_test::named_function);
  const Module* module = self.modules.find(start);
  Symbols symbols(Symbolize::full);
  const Frame frame = symbols.resolve(start, false, module).back();
  CHECK(frame.function != "holdwatch::symbols_test::named_function(std::string const&)");
  CHECK(frame.ip == start);
  CHECK(frame.offset == module->offset_of(start));
}

TEST_CASE("an address outside a module's code bears no function's name") {
  Self self;
  const auto pc = reinterpret_cast<uintptr_t>(symbols_test_untyped);
  const Module* module = self.modules.find(pc);
  REQUIRE(module != nullptr);
  const Frame frame = Symbols(Symbolize::full).resolve(pc, true, module).back();
  CHECK(frame.function.empty());
  CHECK(frame.offset == module->offset_of(pc));
}

TEST_CASE("a function of libc goes by its public name, with or without its debug data") {
  Self self;
  void* send = dlsym(RTLD_DEFAULT, "send");
  const auto pc = reinterpret_cast<uintptr_t>(send);
  const Module* libc = self.modules.find(pc);
  REQUIRE(libc != nullptr);
  DebugSearch nothing_installed;
  nothing_installed.debug_root = "/nonexistent";
  CHECK(Symbols(Symbolize::full).resolve(pc, true, libc).back().function == "send");
  CHECK(Symbols(Symbolize::full, nothing_installed).resolve(pc, true, libc).back().function == "send");
  CHECK(Symbols(Symbolize::names).resolve(pc, true, libc).back().function == "send");
}

TEST_CASE("the vdso, which is no file, has its functions' names") {
  Self self;
  const uintptr_t start = getauxval(AT_SYSINFO_EHDR);
  const Module* vdso = self.modules.find(start);
  REQUIRE(vdso != nullptr);
  REQUIRE(vdso->path == "[vdso]");
  Symbols symbols(Symbolize::full);
  bool found = false;
  for (uintptr_t pc = start; pc < vdso->end && !found; pc += 16) {
    found = symbols.resolve(pc, true, vdso).back().function == "clock_gettime";
  }
  CHECK(found);
}

TEST_CASE("no descriptor stays open, and trimming loses nothing but time") {
  Self self;
  const uintptr_t pc = address_of(symbols_test::named_function);
  const Module* module = self.modules.find(pc);
  const auto before = open_descriptors();
  Symbols symbols(Symbolize::full);
  const std::string first = symbols.resolve(pc, true, module).back().function;
  CHECK(open_descriptors() == before);
  symbols.trim();
  CHECK(symbols.resolve(pc, true, module).back().function == first);
  CHECK_FALSE(first.empty());
}

TEST_CASE("a program whose file is gone is read through /proc") {
  Self self;
  const uintptr_t pc = address_of(symbols_test::named_function);
  Module moved = *self.modules.find(pc);
  moved.path = "/nonexistent/program";
  moved.deleted = true;
  const Frame frame = Symbols(Symbolize::full).resolve(pc, true, &moved).back();
  CHECK(frame.function == "holdwatch::symbols_test::named_function(std::string const&)");
  CHECK(frame.module == "/nonexistent/program");
}

}  // namespace
}  // namespace holdwatch
