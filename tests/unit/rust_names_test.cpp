// The rules of symbolizer/symbols/rust_names.h. The symbols are rustc 1.95's; the names are what rustc's own demangler makes of
// them in its short form.
#include "symbolizer/symbols/rust_names.h"

#include "symbolizer/symbols/demangle.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

std::string name_of(std::string_view symbol) {
  return demangle_rust(symbol, 16384).value_or("none");
}

TEST_CASE("a v0 symbol is its path, without the crates' disambiguators") {
  CHECK(name_of("_RNvCs6xxl1lAjzDf_1a4main") == "a::main");
  CHECK(name_of("_RNCNvCs6xxl1lAjzDf_1a4mains2_0B3_") == "a::main::{closure#4}");
  CHECK(name_of("_RNSNvYNvCs6xxl1lAjzDf_1a4mainNtNtNtCs1_4core3ops8function6FnOnce9call_once6vtableB6_") ==
        "<a::main as core::ops::function::FnOnce>::call_once::{shim:vtable#0}");
  CHECK(name_of("_RNvMs1_Cs6xxl1lAjzDf_1aINtB5_2ChKc8a9e_E3getB5_") == "<a::Ch<'\u8a9e'>>::get");
  CHECK(name_of("_RNvMs2_Cs6xxl1lAjzDf_1aINtB5_2NeKan5_E3getB5_") == "<a::Ne<-5>>::get");
  CHECK(name_of("_RNvMs3_Cs6xxl1lAjzDf_1aINtB5_3BigKoffffffffffffffffffff_E3getB5_") ==
        "<a::Big<0xffffffffffffffffffff>>::get");
  CHECK(name_of("_RINvCs6xxl1lAjzDf_1a3genTlReAtj4_EnEB2_") == "a::gen::<(i32, &str, [u16; 4]), i128>");
  CHECK(name_of("_RINvCs6xxl1lAjzDf_1a4ptrsFUKClPhOaExEB2_") ==
        "a::ptrs::<unsafe extern \"C\" fn(i32, *const u8, *mut i8) -> i64>");
  CHECK(name_of(
            "_RINvCs6xxl1lAjzDf_1a4ptrsINtNtCslNYArtu3iFV_5alloc5boxed3BoxDG0_INtNtNtCsgEmfK2I1SDS_4core3ops8function2"
            "FnTRL1_lQL0_SRL1_eEEp6OutputRL1_lEL_EEB2_") ==
        "a::ptrs::<alloc::boxed::Box<dyn for<'a, 'b> core::ops::function::Fn<(&'a i32, &'b mut [&'a str]), Output = "
        "&'a i32>>>");
}

TEST_CASE("identifiers beyond ASCII are read") {
  CHECK(name_of("_RNvCs1_4testu10gre_4ka02s") != "none");
  CHECK(name_of("_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y") ==
        "utf8_idents::\u10e1\u10d0\u10ed\u10db\u10d4\u10da\u10d0\u10d3_"
        "\u10d2\u10d4\u10db\u10e0\u10d8\u10d4\u10da\u10d8_\u10e1\u10d0\u10d3\u10d8\u10da\u10d8");
}

TEST_CASE("a symbol of the scheme before v0 is its path without the hash") {
  CHECK(name_of("_ZN4core3ops8function6FnOnce40call_once$u7b$$u7b$vtable.shim$u7d$$u7d$17h0123456789abcdefE") ==
        "core::ops::function::FnOnce::call_once{{vtable.shim}}");
  CHECK(name_of("_ZN64_$LT$a..Sq$LT$_$GT$$u20$as$u20$a..Shape$GT$4area17h0123456789abcdefE") ==
        "none");  // a length too long
  CHECK(name_of("_ZN36_$LT$a..Sq$LT$_$GT$$u20$as$u20$a..Shape$GT$4area17h0123456789abcdefE.llvm.42") == "none");
  CHECK(name_of("_ZN43_$LT$a..Sq$LT$_$GT$$u20$as$u20$a..Shape$GT$4area17h0123456789abcdefE.llvm.42") ==
        "<a::Sq<_> as a::Shape>::area");
}

TEST_CASE("C++ symbols, other versions of the scheme and halves of symbols are none of Rust's") {
  for (const char* symbol :
       {"_ZN4Room3addER7Session", "_ZN4Room17h0000000000000000E", "_ZN4Room3addE", "_R", "_R0NvC1a4main", "_RNvC1a4mai",
        "_RNvB_1a", "_RNvCs1_1aB_", "main", "", "_RINvC1a1bE_", "_ZN17h0123456789abcdefE"})
    CHECK(name_of(symbol) == "none");
}

TEST_CASE("a symbol whose name would be endless has none, and takes no time") {
  // Each back reference doubles what came before it.
  std::string symbol = "_RINvC1a1b";
  std::string doubled = "TuuE";
  for (int i = 0; i < 200; ++i) doubled = "T" + doubled + "B9_E";
  CHECK(name_of(symbol + doubled + "E") == "none");
  CHECK(name_of("_R" + std::string(3000, 'N')) == "none");
  CHECK(name_of("_RIC1a" + std::string(2000, 'R') + "uE") == "none");
}

TEST_CASE("compilers' suffixes go, and a symbol is known for Rust's") {
  CHECK(demangle("_RNvCs6xxl1lAjzDf_1a4main.llvm.123") == "a::main");
  CHECK(demangle("_RNvCs6xxl1lAjzDf_1a4main.cold") == "a::main");
  CHECK(is_rust_symbol("_RNvCs6xxl1lAjzDf_1a4main"));
  CHECK(is_rust_symbol("_ZN4core3ops8function6FnOnce9call_once17h0123456789abcdefE"));
  CHECK(is_rust_symbol("__rust_try"));
  CHECK_FALSE(is_rust_symbol("_ZN4Room3addER7Session"));
}

}  // namespace
}  // namespace holdwatch
