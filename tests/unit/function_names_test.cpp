// The rules of symbolizer/report/function_names.h.
#include "symbolizer/report/function_names.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

bool wrapper(const char* function, const char* file = "") {
  Frame frame;
  frame.function = function;
  frame.file = file;
  return is_library_frame(frame);
}

TEST_CASE("a lambda has one name, whichever table it comes from") {
  CHECK(stable_function_name("main::{lambda()#1}::operator()() const") == "main::{lambda}::operator()");
  CHECK(stable_function_name("main::{lambda}::operator()") == "main::{lambda}::operator()");
  CHECK(stable_function_name("serve(int)::{lambda(auto:1 const&)#2}::operator()(int) const") ==
        stable_function_name("serve(int)::{lambda}::operator()"));
}

}  // namespace

TEST_CASE("the standard library's lock wrappers are known by name or by file") {
  CHECK(wrapper("std::lock_guard<std::mutex>::lock_guard(std::mutex&)"));
  CHECK(wrapper("void std::lock<std::mutex, std::mutex>(std::mutex&, std::mutex&)"));
  CHECK(wrapper("__gthread_mutex_lock(pthread_mutex_t*)"));
  CHECK(wrapper("std::unique_lock<std::mutex>::owns_lock() const"));
  CHECK(wrapper("lock", "/usr/include/c++/12/bits/std_mutex.h"));
  CHECK(wrapper("__glibcxx_rwlock_rdlock", "/usr/include/x86_64-linux-gnu/c++/12/bits/gthr-default.h"));
}

TEST_CASE("a program's own function is no wrapper, whatever it is called with") {
  CHECK_FALSE(wrapper("Room::add(std::string const&)", "/src/room.cpp"));
  CHECK_FALSE(wrapper("lock", "/src/include/lock.h"));
  CHECK_FALSE(wrapper("stdx::lock()", "/src/c++/lock.h"));
  CHECK_FALSE(wrapper(""));
}

TEST_CASE("a stable name has no return type, parameters or compiler's suffix") {
  CHECK(stable_function_name("Room::add(Session&)") == "Room::add");
  CHECK(stable_function_name("Room::add") == "Room::add");
  CHECK(stable_function_name("Room::size() const") == "Room::size");
  CHECK(stable_function_name("Room::add(Session&) [clone .isra.0]") == "Room::add");
  CHECK(stable_function_name("Room::add(Session&) [clone .constprop.0] [clone .cold]") == "Room::add");
  CHECK(stable_function_name("flush.constprop.0") == "flush");
  CHECK(stable_function_name("scan.part.3.cold") == "scan");
  CHECK(stable_function_name("name[abi:cxx11](int)") == "name");
  CHECK(stable_function_name("void run<int>(int)") == "run<int>");
  CHECK(stable_function_name("std::vector<int, A<int> > make<int>(int)") == "make<int>");
}

TEST_CASE("brackets that belong to a name stay") {
  CHECK(stable_function_name("Task::operator()(int) const") == "Task::operator()");
  CHECK(stable_function_name("Task::operator()() const") == "Task::operator()");
  CHECK(stable_function_name("Task::operator()") == "Task::operator()");
  CHECK(stable_function_name("(anonymous namespace)::work(int)") == "(anonymous namespace)::work");
  CHECK(stable_function_name("f(int)::{lambda(int)#1}::operator()(int) const") == "f(int)::{lambda}::operator()");
  CHECK(stable_function_name("A::operator<(A const&) const") == "A::operator<");
  CHECK(stable_function_name("A::operator->()") == "A::operator->");
  CHECK(stable_function_name("A::operator[](int)") == "A::operator[]");
  CHECK(stable_function_name("A::operator&") == "A::operator&");
  CHECK(stable_function_name("run(void (*)(int))") == "run");
}

TEST_CASE("names that are no names pass through") {
  CHECK(stable_function_name("") == "");
  CHECK(stable_function_name(")") == ")");
  CHECK(stable_function_name("]") == "]");
  CHECK(stable_function_name("main") == "main");
}

TEST_CASE("a readable name says std::string and leaves out what would fill a line") {
  CHECK(readable_function_name("Room::broadcast(std::__cxx11::basic_string<char, std::char_traits<char>, "
                               "std::allocator<char> > const&)") == "Room::broadcast(std::string const&)");
  CHECK(readable_function_name("Cache<int>::get(Key)") == "Cache<int>::get(Key)");
  CHECK(readable_function_name(
            "Cache<std::pair<Key, Value>, std::hash<Key>, std::less<Key>, Allocator>::get(Key const&)") ==
        "Cache<...>::get(Key const&)");
  const std::string long_name(300, 'x');
  CHECK(readable_function_name(long_name).size() < 120);
  CHECK(readable_function_name(long_name).ends_with("..."));
}

TEST_CASE("a long name of Rust's keeps the type that it begins with") {
  CHECK(readable_function_name(
            "<server::Cache<alloc::vec::Vec<u8>> as server::Store>::get::<core::option::Option<&str>>") ==
        "<server::Cache<...> as server::Store>::get::<...>");
  CHECK(readable_function_name(
            "<server::Cache<u8>>::get::<core::option::Option<alloc::collections::BTreeMap<u8, u8>>>") ==
        "<server::Cache<u8>>::get::<...>");
}

TEST_CASE("a nameless frame of the C++ library is the library's") {
  Frame frame;
  frame.module = "/lib/x86_64-linux-gnu/libstdc++.so.6.0.30";
  CHECK(is_library_frame(frame));
  frame.module = "/usr/bin/chatroom";
  CHECK_FALSE(is_library_frame(frame));
}

TEST_CASE("a readable name has no return type") {
  CHECK(readable_function_name("void run<int>(int) const") == "run<int>(int) const");
  CHECK(readable_function_name("Room::size() const") == "Room::size() const");
}

TEST_CASE("an operator's angle brackets open no template") {
  const std::string name = "A_name_that_is_long_enough_to_be_shortened_but_has_no_template::operator<(Other const&)";
  CHECK(readable_function_name(name).starts_with(
      "A_name_that_is_long_enough_to_be_shortened_but_has_no_template::operator<("));
}

TEST_CASE("Rust's own frames are known by name or by file, and are not taken for the C++ library's") {
  Frame frame;
  frame.is_rust = true;
  const auto is_library = [&](const char* function, const char* file = "") {
    frame.function = function;
    frame.file = file;
    return is_library_frame(frame);
  };
  CHECK(is_library("std::sys::pal::unix::thread::Thread::new::thread_start"));
  CHECK(is_library("<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once"));
  CHECK(is_library("core::ops::function::FnOnce::call_once{{vtable.shim}}"));
  CHECK(is_library("call_once<(), i32>", "/rustc/59807616e/library/alloc/src/boxed.rs"));
  CHECK_FALSE(is_library("chat::serve", "/src/main.rs"));
  CHECK_FALSE(is_library("<chat::Room as core::fmt::Display>::fmt"));
  CHECK_FALSE(is_library("allocate::frames"));
}
