// A page fault in words: at which address, and what is mapped there. The kernel shows neither; the address is computed
// from the instruction's operand, as far as the code proves the registers that it uses, and only if the page is really
// missing.
// Cold context only; reads no page that is not present.
#pragma once

#include <string>
#include <string_view>

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/fault_site.h"
#include "symbolizer/activity/present_memory.h"

namespace holdwatch {

// "page fault at 0x7f1234567005 (userfaultfd region)", "page fault at 0x7f1234567005 (/srv/data.bin)", "page fault".
// `wait_channel` is /proc/TID/wchan. `site` may be empty.
std::string describe_page_fault(const FaultSite& site, std::string_view wait_channel, PresentMemory& memory);

// Whether a thread in a system call waits for a page that the call reads or writes.
bool waits_for_userfaultfd(std::string_view wait_channel);

// For such a thread: "page fault at 0x7f1234567000 (userfaultfd region)", without the address if it is unclear which of
// the arguments it is.
std::string describe_fault_in_call(const SystemCall& call, const FaultSite& site, PresentMemory& memory);

}  // namespace holdwatch
