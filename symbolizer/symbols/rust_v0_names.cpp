// See rust_v0_names.h. The output is the short form of rustc's own demangler, so that names match those of backtraces and
// of other tools.
#include "symbolizer/symbols/rust_v0_names.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "shim/common/text/digits.h"
#include "symbolizer/symbols/punycode.h"
#include "symbolizer/symbols/rust_v0_symbol.h"
#include "symbolizer/symbols/unicode.h"

namespace holdwatch {
namespace {

constexpr int kMaxDepth = 300;     // of nested paths and types
constexpr int kMaxSteps = 50'000;  // with back references, a short symbol can represent an endless name
constexpr uint64_t kMaxBound = 1'000;

// Types that are a letter, from a to z; empty: the letter stands for something else.
constexpr std::array<std::string_view, 26> kBasicTypes = {
    "i8",   "bool", "char", "f64", "str", "f32", "",    "u8", "isize", "usize", "",    "i32", "u32",
    "i128", "u128", "_",    "",    "",    "i16", "u16", "()", "...",   "",      "i64", "u64", "!"};

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

std::string_view basic_type(char tag) {
  return is_lower(tag) ? kBasicTypes[static_cast<size_t>(tag - 'a')] : std::string_view();
}

// "foo.llvm.123", "foo$got": suffixes that compilers and linkers append to a name.
std::string_view without_suffix(std::string_view symbol) {
  return symbol.substr(0, symbol.find_first_of(".$"));
}

// Prints while it parses. Throws MalformedSymbol if it does not understand the symbol.
class Printer {
 public:
  Printer(std::string_view symbol, size_t most) : in_(symbol), most_(most) {}

  std::string name() {
    path(true);
    if (!in_.is_at_end()) {
      silent_ = true;
      path(false);  // the crate that needed this instance
    }
    if (!in_.is_at_end()) throw MalformedSymbol();
    return std::move(out_);
  }

 private:
  // One level deeper, during this object's lifetime.
  class Level {
   public:
    explicit Level(Printer& owner) : owner_(owner) {
      if (++owner_.depth_ > kMaxDepth || ++owner_.steps_ > kMaxSteps) throw MalformedSymbol();
    }
    ~Level() { --owner_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Printer& owner_;
  };

  // Parses an earlier part of the symbol again.
  template <typename Read>
  void back_reference(Read read) {
    const size_t start = in_.position() - 1;
    const uint64_t target = in_.base_62();
    if (target >= start) throw MalformedSymbol();
    if (silent_) return;  // already parsed, and nothing is to be printed
    const size_t after = in_.position();
    in_.go_to(target);
    read();
    in_.go_to(after);
  }

  // --- printing ---

  void print(std::string_view text) {
    if (silent_) return;
    if (text.size() > most_ - out_.size()) throw MalformedSymbol();
    out_ += text;
  }
  void print_number(uint64_t number) { print(std::to_string(number)); }

  void print(const RustV0Symbol::Identifier& id) {
    if (silent_) return;
    if (!id.is_punycode) return print(id.text);
    if (const std::optional<std::string> text = decode_punycode(id.text)) return print(*text);
    print("punycode{");
    print(id.text);
    print("}");
  }

  void print_lifetime(uint64_t index) {
    if (index == 0) return print("'_");
    if (index > bound_lifetimes_) throw MalformedSymbol();
    const uint64_t depth = bound_lifetimes_ - index;
    print("'");
    if (depth < 26) {
      const char letter = static_cast<char>('a' + depth);
      return print(std::string_view(&letter, 1));
    }
    print("_");
    print_number(depth);
  }

  // Calls `item` until the list's end; returns how often.
  template <typename Item>
  size_t list(std::string_view separator, Item item) {
    size_t count = 0;
    for (; !in_.eat('E'); ++count) {
      if (count > 0) print(separator);
      item();
    }
    return count;
  }

  // "for<'a, 'b> ", valid within `inner`.
  template <typename Inner>
  void in_binder(Inner inner) {
    const uint64_t bound = in_.optional_base_62('G');
    if (bound > kMaxBound) throw MalformedSymbol();
    if (bound > 0) {
      print("for<");
      for (uint64_t i = 0; i < bound; ++i) {
        if (i > 0) print(", ");
        ++bound_lifetimes_;
        print_lifetime(1);
      }
      print("> ");
    }
    inner();
    bound_lifetimes_ -= bound;
  }

  // --- the grammar ---

  // `in_value`: where an expression may occur, a generic's arguments are written "::<T>".
  void path(bool in_value) {
    const Level level(*this);
    switch (const char tag = in_.next()) {
      case 'C':
        in_.disambiguator();
        return print(in_.identifier());
      case 'N':
        return nested_path(in_value);
      case 'M':
      case 'X':
        impl_path();
        [[fallthrough]];
      case 'Y':
        print("<");
        type();
        if (tag != 'M') {
          print(" as ");
          path(false);
        }
        return print(">");
      case 'I':
        path(in_value);
        print(in_value ? "::<" : "<");
        list(", ", [this] { generic_argument(); });
        return print(">");
      case 'B':
        return back_reference([&] { path(in_value); });
      default:
        throw MalformedSymbol();
    }
  }

  // The path of an impl is not printed: it adds nothing to the impl's type.
  void impl_path() {
    const bool was_silent = silent_;
    silent_ = true;
    in_.disambiguator();
    path(false);
    silent_ = was_silent;
  }

  void nested_path(bool in_value) {
    const char space = in_.next();
    if (!is_lower(space) && !is_upper(space)) throw MalformedSymbol();
    path(in_value);
    const uint64_t number = in_.disambiguator();
    const RustV0Symbol::Identifier id = in_.identifier();
    if (is_lower(space)) {
      if (id.text.empty()) return;
      print("::");
      return print(id);
    }
    print("::{");
    if (space == 'C')
      print("closure");
    else if (space == 'S')
      print("shim");
    else
      print(std::string_view(&space, 1));
    if (!id.text.empty()) {
      print(":");
      print(id);
    }
    print("#");
    print_number(number);
    print("}");
  }

  void generic_argument() {
    if (in_.eat('L')) return print_lifetime(in_.base_62());
    if (in_.eat('K')) return constant();
    type();
  }

  void type() {
    const Level level(*this);
    const char tag = in_.next();
    if (const std::string_view basic = basic_type(tag); !basic.empty()) return print(basic);
    switch (tag) {
      case 'R':
      case 'Q':
        print("&");
        if (in_.eat('L')) {
          if (const uint64_t lifetime = in_.base_62(); lifetime != 0) {
            print_lifetime(lifetime);
            print(" ");
          }
        }
        if (tag == 'Q') print("mut ");
        return type();
      case 'P':
      case 'O':
        print(tag == 'P' ? "*const " : "*mut ");
        return type();
      case 'A':
      case 'S':
        print("[");
        type();
        if (tag == 'A') {
          print("; ");
          constant();
        }
        return print("]");
      case 'T': {
        print("(");
        if (list(", ", [this] { type(); }) == 1) print(",");
        return print(")");
      }
      case 'F':
        return in_binder([this] { function_type(); });
      case 'D':
        return dynamic_type();
      case 'B':
        return back_reference([this] { type(); });
      default:
        in_.step_back();
        return path(false);
    }
  }

  void function_type() {
    if (in_.eat('U')) print("unsafe ");
    if (in_.eat('K')) {
      print("extern \"");
      if (in_.eat('C')) {
        print("C");
      } else {
        const RustV0Symbol::Identifier abi = in_.identifier();
        if (abi.text.empty() || abi.is_punycode) throw MalformedSymbol();
        std::string text(abi.text);
        std::replace(text.begin(), text.end(), '_', '-');
        print(text);
      }
      print("\" ");
    }
    print("fn(");
    list(", ", [this] { type(); });
    print(")");
    if (in_.eat('u')) return;
    print(" -> ");
    type();
  }

  void dynamic_type() {
    print("dyn ");
    in_binder([this] { list(" + ", [this] { dynamic_trait(); }); });
    if (!in_.eat('L')) throw MalformedSymbol();
    if (const uint64_t lifetime = in_.base_62(); lifetime != 0) {
      print(" + ");
      print_lifetime(lifetime);
    }
  }

  // "Iterator<Item = u8>": associated types are written among the trait's arguments.
  void dynamic_trait() {
    bool is_open = open_path();
    while (in_.eat('p')) {
      print(is_open ? ", " : "<");
      is_open = true;
      print(in_.identifier());
      print(" = ");
      type();
    }
    if (is_open) print(">");
  }

  // Prints a path; returns true if the bracket of its arguments is still open.
  bool open_path() {
    const Level level(*this);
    if (in_.eat('B')) {
      bool is_open = false;
      back_reference([&] { is_open = open_path(); });
      return is_open;
    }
    if (!in_.eat('I')) {
      path(false);
      return false;
    }
    path(false);
    print("<");
    list(", ", [this] { generic_argument(); });
    return true;
  }

  // The value of hex digits; nothing if there are too many.
  static std::optional<uint64_t> value_of(std::string_view digits) {
    return digits.empty() ? 0 : take_number(digits, 16);
  }

  void constant() {
    const Level level(*this);
    switch (in_.next()) {
      case 'B':
        return back_reference([this] { constant(); });
      case 'p':
        return print("_");
      case 'a':
      case 'i':
      case 'l':
      case 'n':
      case 's':
      case 'x':
        if (in_.eat('n')) print("-");
        [[fallthrough]];
      case 'h':
      case 'j':
      case 'm':
      case 'o':
      case 't':
      case 'y':
        return print_integer(in_.hex_digits());
      case 'b': {
        const std::optional<uint64_t> value = value_of(in_.hex_digits());
        if (!value || *value > 1) throw MalformedSymbol();
        return print(*value == 1 ? "true" : "false");
      }
      case 'c':
        return print_character(in_.hex_digits());
      default:
        throw MalformedSymbol();
    }
  }

  void print_integer(std::string_view digits) {
    if (const std::optional<uint64_t> value = value_of(digits)) return print_number(*value);
    print("0x");
    print(digits);
  }

  void print_character(std::string_view digits) {
    const std::optional<uint64_t> value = value_of(digits);
    if (!value || !is_character(*value)) throw MalformedSymbol();
    const auto code = static_cast<uint32_t>(*value);
    std::string text;
    switch (code) {
      case '\t':
        text = "\\t";
        break;
      case '\r':
        text = "\\r";
        break;
      case '\n':
        text = "\\n";
        break;
      case '\\':
      case '\'':
        text = std::string("\\") + static_cast<char>(code);
        break;
      default:
        if (is_control(code))
          text = "\\u{" + std::string(digits) + "}";
        else
          append_utf8(text, code);
        break;
    }
    print("'");
    print(text);
    print("'");
  }

  RustV0Symbol in_;
  size_t most_;
  std::string out_;
  bool silent_ = false;
  uint64_t bound_lifetimes_ = 0;
  int depth_ = 0;
  int steps_ = 0;
};

}  // namespace

std::optional<std::string> demangle_rust_v0(std::string_view symbol, size_t most) {
  symbol.remove_prefix(2);  // "_R"
  symbol = without_suffix(symbol);
  // A later version of the scheme begins with its number.
  if (symbol.empty() || !is_upper(symbol.front())) return std::nullopt;
  try {
    return Printer(symbol, most).name();
  } catch (const MalformedSymbol&) {
    return std::nullopt;
  }
}

}  // namespace holdwatch
