// See rust_names.h. The grammar of v0 is that of RFC 2603; the output is the short form of rustc's own demangler, so
// that names match those of backtraces and of other tools.
// Cold context only; pure.
#include "symbolizer/symbols/rust_names.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

constexpr int kMaxDepth = 300;     // of nested paths and types
constexpr int kMaxSteps = 50'000;  // with back references, a short symbol can represent an endless name
constexpr uint64_t kMaxBound = 1'000;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_character(uint64_t code) {
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

void append_utf8(std::string& out, uint32_t code) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::array<uint32_t, 4> kLead = {0, 0xc0, 0xe0, 0xf0};
  put(kLead[static_cast<size_t>(more)] | code >> 6 * more);
  for (int i = more - 1; i >= 0; --i) put(0x80 | (code >> 6 * i & 0x3f));
}

// "foo.llvm.123", "foo$got": suffixes that compilers and linkers append to a name.
std::string_view without_suffix(std::string_view symbol) {
  return symbol.substr(0, symbol.find_first_of(".$"));
}

// --- the scheme before v0 ---

// "17h0123456789abcdef": the last part of each name. A hash has many different digits; with few, it is an ordinary
// name.
bool is_hash(std::string_view part) {
  constexpr size_t kFewest = 5;
  if (part.size() != 17 || part.front() != 'h') return false;
  std::bitset<16> seen;
  for (const char c : part.substr(1)) {
    if (digit_value(c) == 16) return false;
    seen.set(digit_value(c));
  }
  return seen.count() >= kFewest;
}

// Appends the meaning of "$...$"; false if it is unknown.
bool append_escape(std::string& out, std::string_view name) {
  struct Escape {
    std::string_view name;
    char character;
  };
  static constexpr std::array<Escape, 8> kEscapes = {
      {{"SP", '@'}, {"BP", '*'}, {"RF", '&'}, {"LT", '<'}, {"GT", '>'}, {"LP", '('}, {"RP", ')'}, {"C", ','}}};
  for (const Escape& escape : kEscapes) {
    if (name != escape.name) continue;
    out += escape.character;
    return true;
  }
  if (!name.starts_with('u')) return false;
  const auto code = number_of(name.substr(1), 16);
  if (!code || *code > UINT32_MAX || !is_character(static_cast<uint32_t>(*code)) || *code < 0x20 || *code == 0x7f)
    return false;
  append_utf8(out, static_cast<uint32_t>(*code));
  return true;
}

// One part of a path: "$LT$impl$u20$Foo$GT$", "{{closure}}".
void append_legacy_part(std::string& out, std::string_view part) {
  if (part.starts_with("_$")) part.remove_prefix(1);
  while (!part.empty()) {
    if (part.starts_with("..")) {
      out += "::";
      part.remove_prefix(2);
      continue;
    }
    const size_t end = part.front() == '$' ? part.find('$', 1) : std::string_view::npos;
    if (end == std::string_view::npos || !append_escape(out, part.substr(1, end - 1))) {
      if (part.front() == '$') {  // not one of the known escapes: unchanged
        out += part;
        return;
      }
      out += part.front();
      part.remove_prefix(1);
      continue;
    }
    part.remove_prefix(end + 1);
  }
}

std::optional<std::string> demangle_legacy(std::string_view symbol) {
  symbol.remove_prefix(3);  // "_ZN"
  std::string out;
  std::string_view part;
  bool is_first = true;
  while (!symbol.empty() && is_digit(symbol.front())) {
    const size_t length = take_number(symbol, 10).value_or(0);
    if (length == 0 || length > symbol.size()) return std::nullopt;
    if (!part.empty()) {
      if (!is_first) out += "::";
      append_legacy_part(out, part);
      is_first = false;
    }
    part = symbol.substr(0, length);
    symbol.remove_prefix(length);
  }
  const bool ends = symbol == "E" || symbol.starts_with("E.");
  if (!ends || !is_hash(part) || out.empty()) return std::nullopt;
  return out;
}

// --- v0 ---

struct Malformed {};

// Prints while it parses. Throws Malformed if it does not understand the symbol.
class V0 {
 public:
  V0(std::string_view symbol, size_t most) : symbol_(symbol), most_(most) {}

  std::string name() {
    path(true);
    if (at_ < symbol_.size()) {
      silent_ = true;
      path(false);  // the crate that needed this instance
    }
    if (at_ != symbol_.size()) throw Malformed();
    return std::move(out_);
  }

 private:
  // One level deeper, during this object's lifetime.
  class Level {
   public:
    explicit Level(V0& owner) : owner_(owner) {
      if (++owner_.depth_ > kMaxDepth || ++owner_.steps_ > kMaxSteps) throw Malformed();
    }
    ~Level() { --owner_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    V0& owner_;
  };

  struct Identifier {
    std::string_view text;
    bool is_punycode = false;
  };

  // --- reading ---

  char peek() const { return at_ < symbol_.size() ? symbol_[at_] : '\0'; }
  char next() {
    if (at_ == symbol_.size()) throw Malformed();
    return symbol_[at_++];
  }
  bool eat(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  // "_" is 0, "0_" is 1, "Z_" is 62.
  uint64_t base_62() {
    if (eat('_')) return 0;
    uint64_t value = 0;
    while (!eat('_')) {
      const char c = next();
      const int digit = is_digit(c)   ? static_cast<int>(digit_value(c))
                        : is_lower(c) ? 10 + c - 'a'
                        : is_upper(c) ? 36 + c - 'A'
                                      : -1;
      if (digit < 0 || value > (UINT64_MAX - 62) / 62) throw Malformed();
      value = value * 62 + static_cast<uint64_t>(digit);
    }
    return value + 1;
  }

  // Without a zero before it: "0" is a number, and what follows is not its.
  size_t decimal() {
    if (eat('0')) return 0;
    std::string_view rest = symbol_.substr(at_);
    const auto number = take_number(rest, 10);
    if (!number) throw Malformed();
    at_ = symbol_.size() - rest.size();
    return *number;
  }

  // 0 if the tag is missing.
  uint64_t optional_base_62(char tag) { return eat(tag) ? base_62() + 1 : 0; }
  uint64_t disambiguator() { return optional_base_62('s'); }

  Identifier identifier() {
    Identifier id;
    id.is_punycode = eat('u');
    const size_t length = decimal();
    eat('_');
    if (length > symbol_.size() - at_) throw Malformed();
    id.text = symbol_.substr(at_, length);
    at_ += length;
    return id;
  }

  // Parses an earlier part of the symbol again.
  template <typename Read>
  void back_reference(Read read) {
    const size_t start = at_ - 1;
    const uint64_t target = base_62();
    if (target >= start) throw Malformed();
    if (silent_) return;  // already parsed, and nothing is to be printed
    const size_t after = at_;
    at_ = target;
    read();
    at_ = after;
  }

  // --- printing ---

  void print(std::string_view text) {
    if (silent_) return;
    if (text.size() > most_ - out_.size()) throw Malformed();
    out_ += text;
  }
  void print_number(uint64_t number) { print(std::to_string(number)); }

  void print(const Identifier& id) {
    if (silent_) return;
    if (!id.is_punycode) return print(id.text);
    if (const std::optional<std::string> text = decode_punycode(id.text)) return print(*text);
    print("punycode{");
    print(id.text);
    print("}");
  }

  // RFC 3492, except that the basic characters end in '_' instead of '-'.
  static std::optional<std::string> decode_punycode(std::string_view text) {
    constexpr uint32_t kBase = 36, kSkew = 38, kDamp = 700, kMax = 26;
    constexpr size_t kLongest = 256;
    if (text.size() > kLongest) return std::nullopt;
    std::u32string characters;
    const size_t end_of_basic = text.rfind('_');
    if (end_of_basic != std::string_view::npos) {
      characters.assign(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end_of_basic));
      text.remove_prefix(end_of_basic + 1);
    }
    uint32_t bias = 72;
    uint64_t code = 0x80, place = 0;
    bool is_first = true;
    while (!text.empty()) {
      uint64_t delta = 0, weight = 1;
      for (uint32_t k = kBase;; k += kBase) {
        if (text.empty()) return std::nullopt;
        const char c = text.front();
        text.remove_prefix(1);
        if (!is_lower(c) && !is_digit(c)) return std::nullopt;
        const auto digit = static_cast<uint64_t>(is_lower(c) ? c - 'a' : 26 + static_cast<int>(digit_value(c)));
        delta += digit * weight;
        const uint32_t threshold = k <= bias ? 1 : k >= bias + kMax ? kMax : k - bias;
        if (digit < threshold) break;
        weight *= kBase - threshold;
        if (delta > UINT32_MAX || weight > UINT32_MAX) return std::nullopt;
      }
      const uint64_t count = characters.size() + 1;
      place += delta;
      code += place / count;
      place %= count;
      if (!is_character(code)) return std::nullopt;
      characters.insert(characters.begin() + static_cast<std::ptrdiff_t>(place++), static_cast<char32_t>(code));
      delta = delta / (is_first ? kDamp : 2);
      is_first = false;
      delta += delta / count;
      uint32_t steps = 0;
      for (; delta > (kBase - 1) * kMax / 2; steps += kBase) delta /= kBase - 1;
      bias = steps + kBase * static_cast<uint32_t>(delta) / (static_cast<uint32_t>(delta) + kSkew);
    }
    std::string out;
    for (const char32_t character : characters) append_utf8(out, character);
    return out;
  }

  void print_lifetime(uint64_t index) {
    if (index == 0) return print("'_");
    if (index > bound_lifetimes_) throw Malformed();
    const uint64_t depth = bound_lifetimes_ - index;
    print("'");
    if (depth < 26) {
      const char letter = static_cast<char>('a' + depth);
      return print(std::string_view(&letter, 1));
    }
    print("_");
    print_number(depth);
  }

  // Calls `item` until the list's end; true if it was called more than once.
  template <typename Item>
  size_t list(std::string_view separator, Item item) {
    size_t count = 0;
    for (; !eat('E'); ++count) {
      if (count > 0) print(separator);
      item();
    }
    return count;
  }

  // "for<'a, 'b> ", valid within `inner`.
  template <typename Inner>
  void in_binder(Inner inner) {
    const uint64_t bound = optional_base_62('G');
    if (bound > kMaxBound) throw Malformed();
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
    switch (const char tag = next()) {
      case 'C':
        disambiguator();
        return print(identifier());
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
        throw Malformed();
    }
  }

  // The path of an impl is not printed: it adds nothing to the impl's type.
  void impl_path() {
    const bool was_silent = silent_;
    silent_ = true;
    disambiguator();
    path(false);
    silent_ = was_silent;
  }

  void nested_path(bool in_value) {
    const char space = next();
    if (!is_lower(space) && !is_upper(space)) throw Malformed();
    path(in_value);
    const uint64_t number = disambiguator();
    const Identifier id = identifier();
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
    if (eat('L')) return print_lifetime(base_62());
    if (eat('K')) return constant();
    type();
  }

  static std::string_view basic_type(char tag) {
    switch (tag) {
      case 'a':
        return "i8";
      case 'b':
        return "bool";
      case 'c':
        return "char";
      case 'd':
        return "f64";
      case 'e':
        return "str";
      case 'f':
        return "f32";
      case 'h':
        return "u8";
      case 'i':
        return "isize";
      case 'j':
        return "usize";
      case 'l':
        return "i32";
      case 'm':
        return "u32";
      case 'n':
        return "i128";
      case 'o':
        return "u128";
      case 'p':
        return "_";
      case 's':
        return "i16";
      case 't':
        return "u16";
      case 'u':
        return "()";
      case 'v':
        return "...";
      case 'x':
        return "i64";
      case 'y':
        return "u64";
      case 'z':
        return "!";
      default:
        return "";
    }
  }

  void type() {
    const Level level(*this);
    const char tag = next();
    if (const std::string_view basic = basic_type(tag); !basic.empty()) return print(basic);
    switch (tag) {
      case 'R':
      case 'Q':
        print("&");
        if (eat('L')) {
          if (const uint64_t lifetime = base_62(); lifetime != 0) {
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
        --at_;
        return path(false);
    }
  }

  void function_type() {
    if (eat('U')) print("unsafe ");
    if (eat('K')) {
      print("extern \"");
      if (eat('C')) {
        print("C");
      } else {
        const Identifier abi = identifier();
        if (abi.text.empty() || abi.is_punycode) throw Malformed();
        std::string text(abi.text);
        std::replace(text.begin(), text.end(), '_', '-');
        print(text);
      }
      print("\" ");
    }
    print("fn(");
    list(", ", [this] { type(); });
    print(")");
    if (eat('u')) return;
    print(" -> ");
    type();
  }

  void dynamic_type() {
    print("dyn ");
    in_binder([this] { list(" + ", [this] { dynamic_trait(); }); });
    if (!eat('L')) throw Malformed();
    if (const uint64_t lifetime = base_62(); lifetime != 0) {
      print(" + ");
      print_lifetime(lifetime);
    }
  }

  // "Iterator<Item = u8>": associated types are written among the trait's arguments.
  void dynamic_trait() {
    bool is_open = open_path();
    while (eat('p')) {
      print(is_open ? ", " : "<");
      is_open = true;
      print(identifier());
      print(" = ");
      type();
    }
    if (is_open) print(">");
  }

  // Prints a path; returns true if the bracket of its arguments is still open.
  bool open_path() {
    const Level level(*this);
    if (eat('B')) {
      bool is_open = false;
      back_reference([&] { is_open = open_path(); });
      return is_open;
    }
    if (!eat('I')) {
      path(false);
      return false;
    }
    path(false);
    print("<");
    list(", ", [this] { generic_argument(); });
    return true;
  }

  std::string_view hex_digits() {
    const size_t start = at_;
    while (digit_value(peek()) < 16) ++at_;
    const std::string_view digits = symbol_.substr(start, at_ - start);
    if (!eat('_')) throw Malformed();
    return digits;
  }

  // The value of hex digits; nothing if there are too many.
  static std::optional<uint64_t> value_of(std::string_view digits) {
    return digits.empty() ? 0 : take_number(digits, 16);
  }

  void constant() {
    const Level level(*this);
    switch (next()) {
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
        if (eat('n')) print("-");
        [[fallthrough]];
      case 'h':
      case 'j':
      case 'm':
      case 'o':
      case 't':
      case 'y':
        return print_integer(hex_digits());
      case 'b': {
        const std::optional<uint64_t> value = value_of(hex_digits());
        if (!value || *value > 1) throw Malformed();
        return print(*value == 1 ? "true" : "false");
      }
      case 'c':
        return print_character(hex_digits());
      default:
        throw Malformed();
    }
  }

  void print_integer(std::string_view digits) {
    if (const std::optional<uint64_t> value = value_of(digits)) return print_number(*value);
    print("0x");
    print(digits);
  }

  void print_character(std::string_view digits) {
    const std::optional<uint64_t> value = value_of(digits);
    if (!value || !is_character(*value)) throw Malformed();
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
        if (code < 0x20 || code == 0x7f)
          text = "\\u{" + std::string(digits) + "}";
        else
          append_utf8(text, code);
        break;
    }
    print("'");
    print(text);
    print("'");
  }

  std::string_view symbol_;  // without "_R"; back references count from its beginning
  size_t most_;
  size_t at_ = 0;
  std::string out_;
  bool silent_ = false;
  uint64_t bound_lifetimes_ = 0;
  int depth_ = 0;
  int steps_ = 0;
};

std::optional<std::string> demangle_v0(std::string_view symbol, size_t most) {
  symbol.remove_prefix(2);  // "_R"
  symbol = without_suffix(symbol);
  // A later version of the scheme begins with its number.
  if (symbol.empty() || !is_upper(symbol.front())) return std::nullopt;
  try {
    return V0(symbol, most).name();
  } catch (const Malformed&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> demangle_rust(std::string_view symbol, size_t most) {
  std::optional<std::string> name;
  if (symbol.starts_with("_R")) name = demangle_v0(symbol, most);
  if (symbol.starts_with("_ZN")) name = demangle_legacy(symbol);
  return name && name->size() <= most ? name : std::nullopt;
}

}  // namespace holdwatch
