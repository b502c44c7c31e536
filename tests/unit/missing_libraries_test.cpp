// The names of Debian's packages, and what is said of a library that is not there.
#include "symbolizer/tools/missing_libraries.h"

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("a library's package follows from its name, but for those that go by another") {
  CHECK(debian_package_of("libdw.so.1") == "libdw1");
  CHECK(debian_package_of("libgcc_s.so.1") == "libgcc-s1");
  CHECK(debian_package_of("libbz2.so.1.0") == "libbz2-1.0");
  CHECK(debian_package_of("libunwind.so.8") == "libunwind8");
  CHECK(debian_package_of("libunwind-x86_64.so.8") == "libunwind8");
  CHECK(debian_package_of("libz.so.1") == "zlib1g");
}

TEST_CASE("the loader's word on one that is missing becomes what to install; any other is passed on") {
  CHECK(why_not_loaded("libnot-there.so.3",
                       "libnot-there.so.3: cannot open shared object file: No such file or directory") ==
        "needs libnot-there.so.3, which is not installed; on Debian: apt-get install libnot-there3");
  CHECK(why_not_loaded("libdw.so.1", "libdw.so.1: file too short") ==
        "cannot use libdw.so.1: libdw.so.1: file too short");
  CHECK(why_not_loaded("/nowhere/x.so", "whatever") ==
        "needs /nowhere/x.so, which is missing; build or install holdwatch again");
}
