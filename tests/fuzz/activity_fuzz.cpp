// libFuzzer target: any system call with any arguments, over memory that holds any bytes; and the words for paths and
// addresses. What is said is printable and not longer than a line.
#include "symbolizer/activity/activity.h"
#include "symbolizer/activity/register_values.h"
#include "symbolizer/activity/sockets.h"
#include "symbolizer/activity/words.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using fuzz::check;

namespace {

constexpr uintptr_t kMemory = 0x7f0000000000;
constexpr size_t kLongest = 4096;  // of which a path's bytes may each be written as four

void check_text(const std::string& text) {
  check(text.size() <= kLongest);
  for (const char character : text) check(static_cast<unsigned char>(character) >= 0x20 && character != 0x7f);
}

// Small numbers are descriptors and counts; addresses lead into the memory.
uint64_t argument(fuzz::Choices& choices) {
  const auto kind = choices.take<uint8_t>();
  if (kind < 100) return kMemory + choices.take<uint8_t>();
  if (kind < 200) return choices.take<uint8_t>();
  return choices.take<uint64_t>();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  SystemCall call{};
  call.known = true;
  call.number = choices.take<uint16_t>() % 512;
  for (uint64_t& one : call.arguments) one = argument(choices);
  const std::string_view rest = choices.rest();
  test::FakeMemory memory;
  memory.regions[kMemory] = test::ByteVector(rest.begin(), rest.end());
  Snapshot snapshot{};
  snapshot.state = ThreadState::blocked;
  snapshot.call = call;
  check_text(describe_activity(snapshot, "", {ThreadFiles(), &memory, "", {}}));
  if (!rest.empty()) {
    // The same bytes as code.
    const uintptr_t pc = kMemory + choices.take<uint8_t>() % rest.size();
    (void)place_of({{pc, true, kMemory + 128, kMemory, kMemory + rest.size()}}, memory);
  }
  check_text(describe_address(rest.substr(0, 128)));  // what a sockaddr_storage holds
  check_text(printable(rest.substr(0, 1000)));
  return 0;
}
