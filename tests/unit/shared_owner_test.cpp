// The rules of shim/common/proc/shared_owner.h: what is proven of the owner of a lock that processes share.
#include "shim/common/proc/shared_owner.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr bool kOlder = true, kAllAreSeen = true;
constexpr SharedOwner kFound{OwnerProof::proven, 4700, 4712};

bool is(const SharedOwner& owner, OwnerProof proof) {
  const bool is_named = proof == OwnerProof::proven || proof == OwnerProof::likely;
  return owner.proof == proof && owner.pid == (is_named ? kFound.pid : 0) && owner.tid == (is_named ? kFound.tid : 0);
}

struct Search : SharedOwnerSearch {
  void add_owner(MapsLock maps = MapsLock::yes, bool is_older = kOlder) {
    add_thread(kFound.pid, kFound.tid, maps, is_older);
  }
};

}  // namespace

TEST_CASE("the only thread that a lock can mean is its owner") {
  Search search;
  search.add_owner();
  CHECK(is(search.result(kAllAreSeen), OwnerProof::proven));
  search.add_process_of_other_namespace(MapsLock::unreadable);  // none of whose threads has the id
  CHECK(is(search.result(kAllAreSeen), OwnerProof::proven));
}

TEST_CASE("it is likely if one of another namespace can have had that id") {
  Search search;
  search.add_owner();
  CHECK(is(search.result(!kAllAreSeen), OwnerProof::likely));
  search.add_process_of_other_namespace(MapsLock::yes);
  CHECK(is(search.result(kAllAreSeen), OwnerProof::likely));
}

TEST_CASE("of two threads with the id none is named") {
  const MapsLock of_second = GENERATE(MapsLock::yes, MapsLock::unreadable);
  Search search;
  search.add_owner();
  search.add_thread(5000, 5001, of_second, kOlder);
  CHECK(is(search.result(kAllAreSeen), OwnerProof::not_found));
  CHECK(search.result(kAllAreSeen).is_ambiguous);
}

TEST_CASE("one that may not share the lock, or was started later, is not named") {
  Search other, later;
  other.add_owner(MapsLock::unreadable);
  later.add_owner(MapsLock::yes, !kOlder);
  CHECK(is(other.result(kAllAreSeen), OwnerProof::not_found));
  CHECK(is(later.result(kAllAreSeen), OwnerProof::not_found));
  CHECK_FALSE(later.result(kAllAreSeen).is_ambiguous);
}

TEST_CASE("an owner has exited if no thread has its id, and none can have that is not seen") {
  Search search;
  CHECK(is(search.result(kAllAreSeen), OwnerProof::exited));
  CHECK(is(search.result(!kAllAreSeen), OwnerProof::not_found));
  Search executes;
  executes.add_owner(MapsLock::no);  // another program, without the memory of the lock
  CHECK(is(executes.result(kAllAreSeen), OwnerProof::not_found));
  search.add_process_of_other_namespace(MapsLock::yes);
  CHECK(is(search.result(kAllAreSeen), OwnerProof::not_found));
}
