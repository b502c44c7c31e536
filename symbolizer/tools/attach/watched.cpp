// See watched.h.
#include "symbolizer/tools/attach/watched.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <ctime>

#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

constexpr uint64_t kPollIntervalNs = 2'000'000;
constexpr uint64_t kBusyTimeoutNs = 5'000'000'000;

#define OFFSET(field) (offsetof(ControlBlock, field))

size_t offset_of(Watched::Later library) {
  return library == Watched::Later::symbolizer ? OFFSET(symbolizer) : OFFSET(decoder);
}

void sleep_before_retry() {
  const timespec pause{0, kPollIntervalNs};
  nanosleep(&pause, nullptr);
}

}  // namespace

template <typename T>
T Watched::read(size_t offset) {
  const auto value = target_->memory().read_value<T>(address_ + offset);
  if (!value) throw Refusal(describe_process(target_->pid()) + " has exited");
  return *value;
}

template <typename T>
void Watched::write(size_t offset, const T& value) {
  if (!target_->write(address_ + offset, &value, sizeof value))
    throw Refusal(describe_process(target_->pid()) + ": its memory cannot be written");
}

std::optional<Watched> Watched::find(AttachTarget& target) {
  const auto symbol = target.symbol("holdwatch_control_block");
  if (!symbol) return std::nullopt;
  Watched watched(target, symbol->address);
  char magic[sizeof kControlMagic] = "";
  target.memory().read(symbol->address, magic, sizeof magic);
  if (memcmp(magic, kControlMagic, sizeof magic) != 0 || watched.read<uint32_t>(OFFSET(version)) != kControlVersion ||
      watched.read<uint32_t>(OFFSET(size)) != sizeof(ControlBlock))
    throw Refusal(describe_process(target.pid()) +
                  " has another version of holdwatch loaded: use that version's command");
  return watched;
}

ControlState Watched::state() {
  return read<ControlState>(OFFSET(state));
}

bool Watched::has_watcher() {
  return read<uint32_t>(OFFSET(watcher_runs)) != 0;
}

uintptr_t Watched::attach_function() {
  return read<uintptr_t>(OFFSET(attach));
}

void Watched::settle(uint64_t timeout_ns) {
  const auto is_passing = [](ControlState state) {
    return state == ControlState::loading || state == ControlState::attaching || state == ControlState::detaching;
  };
  for (uint64_t waited_ns = 0; is_passing(state()) && waited_ns < timeout_ns; waited_ns += kPollIntervalNs)
    sleep_before_retry();
}

bool Watched::wait_for_watcher(uint64_t timeout_ns) {
  const auto is_to_come = [&] { return state() == ControlState::attached && !has_watcher(); };
  for (uint64_t waited_ns = 0; is_to_come() && waited_ns < timeout_ns; waited_ns += kPollIntervalNs)
    sleep_before_retry();
  return has_watcher();
}

void Watched::hand_over(Later library, const std::string& path, int descriptor) {
  char text[kControlPathSize] = "";
  path.copy(text, sizeof text - 1);
  // The path is written last: it shows that the rest is complete.
  write(offset_of(library) + offsetof(HandedLibrary, descriptor), static_cast<uint32_t>(descriptor + 1));
  write(offset_of(library) + offsetof(HandedLibrary, path), text);
}

bool Watched::is_handed(Later library) {
  return read<char>(offset_of(library) + offsetof(HandedLibrary, path)) != '\0';
}

int Watched::handed_descriptor(Later library) {
  return static_cast<int>(read<uint32_t>(offset_of(library) + offsetof(HandedLibrary, descriptor))) - 1;
}

void Watched::send(ControlRequest request, uint64_t argument, const std::vector<std::string>& options) {
  // A request of a killed command may be left over: it is completed without us, unless the process never saw it.
  if (request != ControlRequest::attach && has_watcher() && !wait_for_answer(kBusyTimeoutNs))
    throw Refusal(describe_process(target_->pid()) + " is still busy with another command; try again");
  std::string text;
  for (const std::string& option : options) text += option + '\0';
  if (text.size() + 1 > kControlOptionsSize)
    throw Refusal("the options are longer than " + std::to_string(kControlOptionsSize) + " bytes");
  if (!target_->write(address_ + OFFSET(options), text.c_str(), text.size() + 1))
    throw Refusal(describe_process(target_->pid()) + ": its memory cannot be written");
  write(OFFSET(request), request);
  write(OFFSET(argument), argument);
  write(OFFSET(requested), read<uint32_t>(OFFSET(requested)) + 1);
}

void Watched::send_stuck(const std::vector<EarlierSleep>& sleeps) {
  const auto room = read<uintptr_t>(OFFSET(earlier_sleeps));
  if (!sleeps.empty() && !target_->write(room, sleeps.data(), sleeps.size() * sizeof sleeps[0]))
    throw Refusal(describe_process(target_->pid()) + ": its memory cannot be written");
  send(ControlRequest::stuck, sleeps.size(), {});
}

std::optional<Watched::Answer> Watched::wait_for_answer(uint64_t timeout_ns) {
  for (uint64_t waited_ns = 0; waited_ns <= timeout_ns; waited_ns += kPollIntervalNs) {
    if (auto given = answer()) return given;
    sleep_before_retry();
  }
  return std::nullopt;
}

std::optional<Watched::Answer> Watched::answer() {
  if (read<uint32_t>(OFFSET(answered)) != requests()) return std::nullopt;
  return Answer{read<uint32_t>(OFFSET(succeeded)) != 0, target_->read_string(address_ + OFFSET(answer))};
}

uint32_t Watched::requests() {
  return read<uint32_t>(OFFSET(requested));
}

// Only what is in use: most of it never is.
std::unique_ptr<LockList> Watched::lock_list() {
  auto list = std::make_unique<LockList>();
  const auto address = read<uintptr_t>(OFFSET(lock_list));
  const auto read_part = [&](size_t offset, void* out, size_t size) {
    if (target_->memory().read(address + offset, out, size) != size)
      throw Refusal(describe_process(target_->pid()) + ": its list of locks cannot be read");
  };
  read_part(0, list.get(), offsetof(LockList, locks));
  list->lock_count = std::min<uint32_t>(list->lock_count, kMaxListedLocks);
  list->hold_count = std::min<uint32_t>(list->hold_count, kMaxListedHolds);
  list->wait_count = std::min<uint32_t>(list->wait_count, kMaxListedWaits);
  read_part(offsetof(LockList, locks), list->locks, list->lock_count * sizeof list->locks[0]);
  read_part(offsetof(LockList, holds), list->holds, list->hold_count * sizeof list->holds[0]);
  read_part(offsetof(LockList, waits), list->waits, list->wait_count * sizeof list->waits[0]);
  return list;
}

bool Watched::is_there() {
  char magic[sizeof kControlMagic] = "";
  return target_->memory().read(address_, magic, sizeof magic) == sizeof magic &&
         memcmp(magic, kControlMagic, sizeof magic) == 0;
}

}  // namespace holdwatch::attach
