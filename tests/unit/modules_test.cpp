#include "symbolizer/unwind/modules.h"

#include <dlfcn.h>
#include <sys/auxv.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using holdwatch::test::FakeMemory;
using holdwatch::test::FakeModule;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;
constexpr pid_t kNobody = -1;

struct Fixture {
  FakeMemory memory;
  Modules modules{kNobody, memory};
  FakeModule module{kBase, {{{0xc3}, {}}}};

  void map() {
    memory.regions[kBase] = module.image;
    modules.update(module.maps());
  }
  const Module& only() {
    REQUIRE(modules.all().size() == 1);
    return *modules.all().front();
  }
};

}  // namespace

TEST_CASE("a line of a maps file becomes a mapping") {
  const auto mappings = parse_maps("7f0000001000-7f0000003000 r-xp 00002000 fd:10 4711   /opt/my server/lib.so\n");
  REQUIRE(mappings.size() == 1);
  CHECK(mappings[0].start == 0x7f0000001000);
  CHECK(mappings[0].end == 0x7f0000003000);
  CHECK(mappings[0].offset == 0x2000);
  CHECK(mappings[0].readable);
  CHECK_FALSE(mappings[0].writable);
  CHECK(mappings[0].executable);
  CHECK(mappings[0].inode == 4711);
  CHECK(mappings[0].device == makedev(0xfd, 0x10));
  CHECK(mappings[0].path == "/opt/my server/lib.so");
}

TEST_CASE("a newline in a path is read as the kernel escapes it") {
  CHECK(parse_maps("1000-2000 r--p 0 08:01 5 /a\\012b\n").at(0).path == "/a\nb");
}

TEST_CASE("lines that make no sense or are out of order are left out") {
  const auto mappings = parse_maps(
      "nonsense\n"
      "3000-2000 r--p 0 08:01 5 /backwards\n"
      "1000-2000 r--p 0 08:01 5 /first\n"
      "1800-2800 r--p 0 08:01 5 /overlaps\n"
      "1000-2000 r--\n"
      "4000-5000 r--p 0 08:01 5\n"
      "6000-7000 r--p 0 08:01 5 /unfinished");
  REQUIRE(mappings.size() == 3);
  CHECK(mappings[0].path == "/first");
  CHECK(mappings[1].path.empty());
  CHECK(mappings[2].path == "/unfinished");
}

TEST_CASE("a module is what its program headers in memory say") {
  Fixture fixture;
  fixture.map();
  const Module& module = fixture.only();
  CHECK(module.start == kBase);
  CHECK(module.end == kBase + 0x2000);
  CHECK(module.bias == kBase);
  CHECK(module.path == "/lib/libfake.so");
  CHECK(module.build_id == "deadbeef");
  CHECK(module.eh_frame_hdr == kBase + FakeModule::kHeader);
  CHECK(module.executes(kBase + 0x1000));
  CHECK_FALSE(module.executes(kBase));
  CHECK(fixture.modules.find(kBase + 0x1fff) == &module);
  CHECK(fixture.modules.find(kBase + 0x2000) == nullptr);
}

TEST_CASE("the anonymous mapping behind a module is its .bss only as far as its headers reach") {
  Fixture fixture;
  auto segment = reinterpret_cast<Elf64_Phdr*>(fixture.module.image.data() + sizeof(Elf64_Ehdr));
  segment[1].p_memsz = 0x1800;
  fixture.memory.regions[kBase] = fixture.module.image;
  fixture.modules.update(fixture.module.maps() + "7f0000002000-7f0000009000 rw-p 0 00:00 0\n");
  CHECK(fixture.only().end == kBase + 0x3000);
}

TEST_CASE("offsets of a program that is not position independent are its addresses") {
  Fixture fixture;
  auto segment = reinterpret_cast<Elf64_Phdr*>(fixture.module.image.data() + sizeof(Elf64_Ehdr));
  for (int i = 0; i < 4; ++i) segment[i].p_vaddr += kBase;
  fixture.map();
  CHECK(fixture.only().bias == 0);
  CHECK(fixture.only().offset_of(kBase + 0x1234) == kBase + 0x1234);
}

TEST_CASE("headers that lie cost the module their contents and nothing else") {
  Fixture fixture;
  auto header = reinterpret_cast<Elf64_Ehdr*>(fixture.module.image.data());
  auto segment = reinterpret_cast<Elf64_Phdr*>(fixture.module.image.data() + sizeof(Elf64_Ehdr));
  SECTION("more program headers than anybody has") {
    header->e_phnum = 65535;
  }
  SECTION("program headers beyond the memory") {
    header->e_phoff = 0x100000;
  }
  SECTION("program headers that wrap around the address space") {
    header->e_phoff = ~uint64_t{0} - 8;
  }
  SECTION("a segment larger than the address space") {
    segment[1].p_memsz = ~uint64_t{0};
  }
  SECTION("a segment before the module") {
    segment[1].p_vaddr = ~uint64_t{0} - 0x10000;
  }
  SECTION("no segment for the headers") {
    segment[0].p_type = PT_NULL, segment[1].p_offset = 0x1000;
  }
  SECTION("another machine") {
    header->e_machine = EM_AARCH64;
  }
  fixture.map();
  CHECK(fixture.only().path == "/lib/libfake.so");
  CHECK(fixture.only().build_id.empty());
  CHECK(fixture.only().eh_frame_hdr == 0);
  CHECK(fixture.only().executes(kBase + 0x1000));
}

TEST_CASE("unwind tables and notes outside the module are not believed") {
  Fixture fixture;
  auto segment = reinterpret_cast<Elf64_Phdr*>(fixture.module.image.data() + sizeof(Elf64_Ehdr));
  segment[2].p_vaddr = 0x1ff8;
  segment[2].p_memsz = 0x1000;
  segment[3].p_vaddr = 0x10000000;
  fixture.map();
  CHECK(fixture.only().eh_frame_hdr == 0);
  CHECK(fixture.only().build_id.empty());
}

TEST_CASE("a note with an impossible size ends the search for the build id") {
  Fixture fixture;
  SECTION("name") {
    test::put<uint32_t>(fixture.module.image, FakeModule::kNotes, 0xfffffffc);
  }
  SECTION("description") {
    test::put<uint32_t>(fixture.module.image, FakeModule::kNotes + 4, 0xfffffffc);
  }
  SECTION("description just beyond the segment") {
    test::put<uint32_t>(fixture.module.image, FakeModule::kNotes + 4, 5);
  }
  fixture.map();
  CHECK(fixture.only().build_id.empty());
}

TEST_CASE("a file that is mapped only to be read is no module") {
  Fixture fixture;
  fixture.modules.update("1000-2000 r--p 0 08:01 5 /var/lib/data\n");
  CHECK(fixture.modules.all().empty());
}

TEST_CASE("code mapped from a file without an ELF header is named by its file offset") {
  Fixture fixture;
  fixture.modules.update("10000-12000 r-xp 00004000 00:01 9 /memfd:jit (deleted)\n");
  CHECK(fixture.only().path == "/memfd:jit");
  CHECK(fixture.only().deleted);
  CHECK(fixture.only().offset_of(0x11000) == 0x5000);
}

TEST_CASE("one file loaded twice is two modules") {
  Fixture fixture;
  const FakeModule second(kBase + 0x10000, {{{0xc3}, {}}});
  fixture.memory.regions[second.base] = second.image;
  fixture.memory.regions[kBase] = fixture.module.image;
  fixture.modules.update(fixture.module.maps() + second.maps());
  REQUIRE(fixture.modules.all().size() == 2);
  CHECK(fixture.modules.find(second.base)->bias == second.base);
}

TEST_CASE("a module that vanished is still named, until something else has its addresses") {
  Fixture fixture;
  fixture.map();
  fixture.modules.update("");
  CHECK(fixture.modules.all().empty());
  REQUIRE(fixture.modules.find(kBase + 0x1000) != nullptr);
  CHECK(fixture.modules.find(kBase + 0x1000)->path == "/lib/libfake.so");
  fixture.modules.update("7f0000000000-7f0000004000 rw-p 0 00:00 0\n");
  CHECK(fixture.modules.find(kBase + 0x1000) == nullptr);
}

TEST_CASE("what happens to the heap changes no module and reads no header again") {
  Fixture fixture;
  fixture.map();
  const auto before = fixture.modules.all();
  const uint64_t generation = fixture.modules.generation();
  const size_t reads = fixture.memory.reads;
  fixture.modules.update(fixture.module.maps() + "7f0100000000-7f0100001000 rw-p 0 00:00 0\n");
  CHECK(fixture.modules.all() == before);
  CHECK(fixture.modules.generation() == generation);
  CHECK(fixture.memory.reads == reads);
  CHECK(fixture.modules.mapping(0x7f0100000fff) != nullptr);
}

TEST_CASE("another file at the same address is another module") {
  Fixture fixture;
  fixture.map();
  const uint64_t generation = fixture.modules.generation();
  std::string maps = fixture.module.maps();
  for (size_t at = 0; (at = maps.find("77 ", at)) != std::string::npos;) maps.replace(at, 2, "78");
  fixture.modules.update(maps);
  CHECK(fixture.only().inode == 78);
  CHECK(fixture.modules.generation() != generation);
}

namespace {

// Unloads at these times.
std::vector<uint64_t> g_unloads;

bool unloaded_between(uint64_t from_ns, uint64_t until_ns) {
  return std::any_of(g_unloads.begin(), g_unloads.end(),
                     [&](uint64_t at_ns) { return at_ns >= from_ns && at_ns <= until_ns; });
}

// A module is mapped from 100 to 200 and seen at 150, another one in its place from 200 on, seen at 300.
struct Replaced : Fixture {
  std::string second_maps;
  Replaced() {
    g_unloads = {};
    modules.set_unloaded(unloaded_between);
    memory.regions[kBase] = module.image;
    second_maps = module.maps();
    for (size_t at = 0; (at = second_maps.find("77 ", at)) != std::string::npos;) second_maps.replace(at, 2, "78");
    modules.update(module.maps(), {150, 150});
  }
  void replace() {
    g_unloads = {200};
    modules.update(second_maps, {300, 300});
  }
  uint64_t inode_then(uint64_t at_ns) {
    modules.look_back({at_ns, at_ns});
    const Module* found = modules.find_then(kBase + 0x1000);
    return found == nullptr ? 0 : found->inode;
  }
  bool is_there(uint64_t at_ns) {
    modules.look_back({at_ns, at_ns});
    return modules.find(kBase + 0x1000) != nullptr;
  }
};

}  // namespace

TEST_CASE_METHOD(Replaced,
                 "an address of before an unload is the first module's, whose tables are not there any more") {
  replace();
  for (const uint64_t at_ns : {120u, 150u, 199u}) {
    CHECK(inode_then(at_ns) == 77);
    CHECK_FALSE(is_there(at_ns));
  }
  CHECK(inode_then(250) == 78);
  CHECK(is_there(250));
  CHECK(inode_then(300) == 78);
  modules.look_back({});
  CHECK(modules.find(kBase + 0x1000)->inode == 78);
}

TEST_CASE_METHOD(Replaced, "between two unloads the module at an address is unknown") {
  replace();
  g_unloads = {180, 200};
  CHECK(inode_then(190) == 0);
  CHECK(inode_then(170) == 77);
}

TEST_CASE_METHOD(Replaced, "a module that was never seen before it went is not named by what came after it") {
  Modules late{kNobody, memory};
  late.set_unloaded(unloaded_between);
  g_unloads = {200};
  late.update(second_maps, {300, 300});
  late.look_back({120, 120});
  CHECK(late.find(kBase + 0x1000) == nullptr);
  CHECK(late.find_then(kBase + 0x1000) == nullptr);
}

TEST_CASE_METHOD(Replaced, "what was seen before and after was there in between, whatever was unloaded") {
  modules.update(module.maps(), {300, 300});
  g_unloads = {200};
  CHECK(inode_then(190) == 77);
  CHECK(is_there(210));
}

TEST_CASE_METHOD(Replaced,
                 "a file that was overwritten and loaded again is another module, though it is mapped as before") {
  g_unloads = {200};
  test::put<uint8_t>(memory.regions[kBase], FakeModule::kNotes + 16, 0xee);
  modules.update(module.maps(), {300, 300});
  CHECK(inode_then(150) == 77);
  CHECK_FALSE(is_there(150));
  CHECK(is_there(300));
}

TEST_CASE_METHOD(Replaced, "the number of the view changes when an answer may") {
  replace();
  const uint64_t now = modules.look_back({300, 300});
  CHECK(modules.look_back({310, 320}) == now);
  CHECK(modules.look_back({150, 150}) != now);
}

TEST_CASE("the modules of this process are those that the loader knows") {
  ProcessMemory memory(getpid());
  Modules modules(getpid(), memory);
  REQUIRE(modules.refresh());
  // Names that neither a sanitizer nor a copy relocation takes away from libc.
  for (void* symbol : {dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), dlsym(RTLD_DEFAULT, "in6addr_any")}) {
    Dl_info info;
    REQUIRE(dladdr(symbol, &info) != 0);
    const Module* module = modules.find(reinterpret_cast<uintptr_t>(symbol));
    REQUIRE(module != nullptr);
    CHECK(module->bias == reinterpret_cast<uintptr_t>(info.dli_fbase));
    CHECK(module->path.find("libc.so") != std::string::npos);
    CHECK_FALSE(module->build_id.empty());
    CHECK(module->eh_frame_hdr != 0);
  }
  const Module* vdso = modules.find(getauxval(AT_SYSINFO_EHDR));
  REQUIRE(vdso != nullptr);
  CHECK(vdso->path == "[vdso]");
  CHECK_FALSE(vdso->build_id.empty());
}

TEST_CASE("maps that cannot be read leave what was known") {
  Fixture fixture;
  fixture.map();
  CHECK_FALSE(fixture.modules.refresh());
  CHECK(fixture.modules.all().size() == 1);
}
