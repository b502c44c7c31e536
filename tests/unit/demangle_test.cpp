// The rules of demangle and readable.
#include "symbolizer/symbols/demangle.h"

#include <string>

#include "tests/catch.h"

namespace holdwatch {
namespace {

TEST_CASE("a C++ symbol becomes a name with its parameters") {
  CHECK(demangle("_ZN4Room3addER7Session") == "Room::add(Session&)");
  CHECK(demangle("_ZNK4Room4sizeEv") == "Room::size() const");
}

TEST_CASE("std::string is written as its users write it, in the old and the new ABI and in libc++") {
  CHECK(demangle("_ZN4Room9broadcastERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE") ==
        "Room::broadcast(std::string const&)");
  CHECK(demangle("_ZN4Room9broadcastERKSs") == "Room::broadcast(std::string const&)");
  CHECK(demangle("_ZN4Room9broadcastERKNSt3__112basic_stringIcNS0_11char_traitsIcEENS0_9allocatorIcEEEE") ==
        "Room::broadcast(std::string const&)");
  CHECK(demangle("_ZN4Room4findESt17basic_string_viewIcSt11char_traitsIcEE") == "Room::find(std::string_view)");
}

TEST_CASE("no space is left over where a string closes a template") {
  CHECK(demangle("_Z3allRSt6vectorINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS5_EE") ==
        "all(std::vector<std::string, std::allocator<std::string> >&)");
  CHECK(readable("f(std::vector<std::basic_string<char, std::char_traits<char>, std::allocator<char>>>)") ==
        "f(std::vector<std::string>)");
}

TEST_CASE("a string of another character type or allocator keeps its whole name") {
  const std::string wide = "std::basic_string<wchar_t, std::char_traits<wchar_t>, std::allocator<wchar_t> >";
  CHECK(readable(wide) == wide);
  const std::string own = "std::basic_string<char, std::char_traits<char>, Arena<char> >";
  CHECK(readable(own) == own);
}

TEST_CASE("inline namespaces and ABI tags of the standard library go, the program's own stay") {
  CHECK(readable("std::chrono::_V2::steady_clock::now()") == "std::chrono::steady_clock::now()");
  CHECK(readable("name[abi:cxx11]()") == "name()");
  CHECK(readable("mine::_V2::f()") == "mine::_V2::f()");
}

TEST_CASE("a part that the compiler split off bears its function's name") {
  CHECK(demangle("_ZN4Room3addER7Session.cold") == "Room::add(Session&)");
  CHECK(demangle("_ZN4Room3addER7Session.part.0.constprop.1") == "Room::add(Session&)");
  CHECK(demangle("serve_client.isra.0") == "serve_client");
  CHECK(demangle("serve_client.llvm.1234567890") == "serve_client");
}

TEST_CASE("other suffixes are part of the name") {
  CHECK(demangle("memcpy.avx2") == "memcpy.avx2");
  CHECK(demangle("f.colder") == "f.colder");
  CHECK(demangle("choose.resolver") == "choose.resolver");
}

TEST_CASE("what is no C++ symbol stays as it is") {
  CHECK(demangle("sendto") == "sendto");
  CHECK(demangle("_Znot a symbol") == "_Znot a symbol");
  CHECK(demangle("") == "");
  CHECK(demangle(".L4") == ".L4");
}

TEST_CASE("a symbol of absurd length is not demangled, but cut") {
  const std::string absurd = "_Z1f" + std::string(100'000, 'P') + "i";
  CHECK(demangle(absurd) == absurd.substr(0, 256) + "...");
  CHECK(demangle(std::string(5000, 'x')) == std::string(256, 'x') + "...");
}

// "S_", "S0_", "S1_" ...
std::string substitution(size_t number) {
  return number == 0 ? "S_" : std::string("S") + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number - 1] + "_";
}

// f(A<int, int>, A<A<int, int>, A<int, int>>, ...): each parameter is twice as long as the one before.
std::string doubling_symbol(size_t times) {
  std::string symbol = "_Z1f1AIiiE";
  for (size_t i = 1; i <= times; ++i) symbol += "S_I" + substitution(i) + substitution(i) + "E";
  return symbol;
}

TEST_CASE("a symbol whose name grows with every substitution is left as it is, in time and memory that are bounded") {
  CHECK(demangle(doubling_symbol(2)).starts_with("f(A<int, int>, A<A<int, int>, A<int, int> >, A<A<A<int"));
  const std::string hostile = doubling_symbol(34);  // 2^34 times "int"
  CHECK(demangle(hostile) == hostile);
}

}  // namespace
}  // namespace holdwatch
