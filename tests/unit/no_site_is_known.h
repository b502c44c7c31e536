// The table of call sites as it is before anything is learnt.
#pragma once

#include "shim/record/call_sites.h"

namespace holdwatch {

struct NoSiteIsKnown {
  NoSiteIsKnown() {
    for (auto& entry : g_call_sites) entry = 0;
  }
};

}  // namespace holdwatch
