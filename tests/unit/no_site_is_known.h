// The table of call sites as it is before anything is learnt.
#pragma once

#include "shim/record/call_sites.h"

namespace holdwatch {

struct NoSiteIsKnown {
  NoSiteIsKnown() {
    for (auto& entry : g_call_sites) entry = 0;
  }
};

// As often as it takes until a site is trusted, or almost.
inline void note_that_site_stays(uintptr_t pc, uint64_t times = kTrustedAfter) {
  for (uint64_t i = 0; i < times; ++i) note_site(pc, SiteKind::stays);
}

}  // namespace holdwatch
