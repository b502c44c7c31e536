// Compares what code implies about a frame with what the stack contains. See frame_evidence.h.
// Cold context only.
#include "symbolizer/unwind/frame_evidence.h"

#include <utility>

namespace holdwatch {

namespace {

constexpr int64_t kOrdinaryConstant = 256;  // smaller ones match by chance
constexpr int kEnough = 2;                  // a rare value, or two ordinary ones
constexpr uintptr_t kLowestByte = 0xff;     // zero in the stack guard, so that no string runs over it

constexpr std::pair<Register, EncodedRegister> kKept[] = {{kRbp, EncodedRegister::rbp}, {kRbx, EncodedRegister::rbx},
                                                          {kR12, EncodedRegister::r12}, {kR13, EncodedRegister::r13},
                                                          {kR14, EncodedRegister::r14}, {kR15, EncodedRegister::r15}};

}  // namespace

// The run-time address for a value that the flow knows relative to rsp or rbp, both of which the frame has.
std::optional<uintptr_t> FrameEvidence::resolve(const FlowValue& value, const RegisterSet& frame,
                                                const FlowState& state) const {
  if (!value.is_address()) return std::nullopt;
  for (const auto& [which, encoded] : {std::pair{kRbp, EncodedRegister::rbp}, std::pair{kRsp, EncodedRegister::rsp}}) {
    const FlowValue& known = state[encoded];
    if (!known.is_address() || known.base != value.base || !frame.knows(which)) continue;
    return frame[which] + static_cast<uintptr_t>(value.offset - known.offset);
  }
  return std::nullopt;
}

Support FrameEvidence::of_stores(const RegisterSet& frame, uintptr_t entry) {
  CodeFlow& flow = code_.flow();
  flow.watch(frame[kRip], !frame.ip_is_exact);
  flow.follow_function(entry);
  if (!flow.watched()) return Support::none;
  const FlowState& state = *flow.watched();
  int fitting = 0;
  for (const FlowStore& store : state.stores) {
    const std::optional<uintptr_t> where = resolve(store.where, frame, state);
    const auto held = where ? stack_.read_value<uintptr_t>(*where) : std::nullopt;
    if (!held) continue;
    if (store.what.base == FlowValue::kConstant) {
      // A variable's initial value may have changed since.
      const int64_t wanted = store.what.offset;
      if (*held == static_cast<uintptr_t>(wanted) && wanted != 0) fitting += wanted >= kOrdinaryConstant ? kEnough : 1;
    } else if (store.what.base == FlowValue::kStackGuard) {
      if ((*held & kLowestByte) != 0 || *held == 0) return Support::against;
      fitting += kEnough;
    } else if (resolve(store.what, frame, state) == *held) {
      fitting += kEnough;
    }
  }
  return fitting >= kEnough ? Support::supported : Support::none;
}

Support FrameEvidence::of_registers(const RegisterSet& frame, uintptr_t entry) {
  CodeFlow& flow = code_.flow();
  flow.watch(frame[kRip], !frame.ip_is_exact);
  flow.follow_function(entry);
  if (!flow.watched()) return Support::none;
  const FlowState& state = *flow.watched();
  Support support = Support::none;
  for (const auto& [which, encoded] : kKept) {
    const std::optional<Distance> distance = flow.distance(state[EncodedRegister::rsp], state[encoded]);
    if (!distance || !frame.knows(which)) continue;
    const uintptr_t above = frame[which] - frame[kRsp];
    if (above < distance->least || above > distance->most) return Support::against;
    if (distance->least == distance->most) support = Support::supported;
  }
  return support;
}

}  // namespace holdwatch
