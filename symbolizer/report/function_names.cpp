// See function_names.h. Demangled names are text for people: these are heuristics over brackets, not a parser.
#include "symbolizer/report/function_names.h"

#include <algorithm>
#include <array>

#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr size_t kLongName = 72;      // longer names lose their template arguments
constexpr size_t kLongestName = 110;  // and these are cut

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

bool ends_with_operator(std::string_view text) {
  return text.ends_with("operator");
}

// True if the angle bracket at `at` is part of an operator's name or of "->".
bool is_operator_bracket(std::string_view text, size_t at) {
  size_t first = at;
  while (first > 0 && std::string_view("<>=-").find(text[first - 1]) != std::string_view::npos) --first;
  return ends_with_operator(text.substr(0, first)) || (text[at] == '>' && at > 0 && text[at - 1] == '-');
}

// The index of the parenthesis that matches `close`, npos if there is none.
size_t matching_open(std::string_view text, size_t close) {
  int depth = 0;
  for (size_t i = close + 1; i-- > 0;) {
    if (text[i] == ')') ++depth;
    if (text[i] == '(' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

// Removes " [clone .isra.0]", "[abi:cxx11]" and what follows the parameters: " const", " &", " noexcept".
std::string_view without_suffixes(std::string_view name) {
  for (bool changed = true; changed;) {
    changed = false;
    if (name.ends_with(']')) {
      const size_t open = name.rfind('[');
      if (open != std::string_view::npos && open > 0 && !ends_with_operator(name.substr(0, open))) {
        name = name.substr(0, open);
        changed = true;
      }
    }
    for (const std::string_view suffix : {" const", " volatile", " noexcept", " &&", " &", " "}) {
      if (name.ends_with(suffix) && !ends_with_operator(name.substr(0, name.size() - suffix.size()))) {
        name.remove_suffix(suffix.size());
        changed = true;
      }
    }
  }
  // The suffixes of a C symbol: "flush.constprop.0", "scan.cold".
  for (const std::string_view suffix : {".constprop.", ".isra.", ".part.", ".cold", ".lto_priv.", ".llvm."}) {
    const size_t at = name.find(suffix);
    if (at != std::string_view::npos && at > 0) name = name.substr(0, at);
  }
  return name;
}

std::string_view without_parameters(std::string_view name) {
  if (!name.ends_with(')')) return name;
  const size_t open = matching_open(name, name.size() - 1);
  if (open == std::string_view::npos || open == 0) return name;
  if (ends_with_operator(name.substr(0, open))) return name;  // "operator()" itself
  if (name.substr(open) == "(anonymous namespace)") return name;
  return name.substr(0, open);
}

// The demangled name of a template function begins with its return type.
std::string_view without_return_type(std::string_view name) {
  if (name.find("operator ") != std::string_view::npos) return name;  // conversion operators contain a blank
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '<' || c == '>') {
      if (!is_operator_bracket(name, i)) depth += c == '<' ? 1 : -1;
    } else if (c == '(' || c == '{' || c == '[') {
      ++depth;
    } else if (c == ')' || c == '}' || c == ']') {
      --depth;
    } else if (c == ' ' && depth == 0) {
      start = i + 1;
    }
  }
  return name.substr(start);
}

// Shortens every outermost "<...>" that contains more than a word.
std::string with_short_templates(std::string_view name) {
  constexpr size_t kShortArgument = 8;
  std::string out;
  std::string inside;
  int depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool bracket = (c == '<' || c == '>') && !is_operator_bracket(name, i);
    if (bracket && c == '<' && depth++ == 0) {
      inside.clear();
      continue;
    }
    if (bracket && c == '>' && depth > 0 && --depth == 0) {
      out += '<' + (inside.size() > kShortArgument ? std::string("...") : inside) + '>';
      continue;
    }
    (depth > 0 ? inside : out) += c;
  }
  return depth == 0 ? out : std::string(name);
}

// The length of the bracket at the start of the name, as in Rust's "<Cache<Key> as Store>::get"; 0 if there is none.
size_t leading_bracket(std::string_view name) {
  int depth = 0;
  for (size_t i = 0; name.starts_with('<') && !name.starts_with("<lambda") && i < name.size(); ++i) {
    if ((name[i] != '<' && name[i] != '>') || is_operator_bracket(name, i)) continue;
    depth += name[i] == '<' ? 1 : -1;
    if (depth == 0) return i + 1;
  }
  return 0;
}

// Shortens the arguments in a whole name; in a bracketed type at its start, only inner arguments.
std::string with_short_arguments(std::string_view name) {
  const size_t leading = leading_bracket(name);
  if (leading == 0) return with_short_templates(name);
  return '<' + with_short_arguments(name.substr(1, leading - 2)) + '>' + with_short_templates(name.substr(leading));
}

std::string with_short_parameters(const std::string& name) {
  const std::string_view kept = without_parameters(without_suffixes(name));
  return kept.size() + 5 < name.size() && name[kept.size()] == '(' ? std::string(kept) + "(...)" : name;
}

// The symbol table has "{lambda(int)#1}", the debug data "{lambda}", and inlined functions "<lambda(int)>".
std::string with_plain_lambdas(std::string_view name) {
  constexpr std::string_view kLambda = "lambda";
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool opens = (name[i] == '{' || name[i] == '<') && name.substr(i + 1).starts_with(kLambda);
    if (!opens) {
      out += name[i];
      continue;
    }
    const char close = name[i] == '{' ? '}' : '>';
    int depth = 1;
    size_t end = i + 1;
    for (; end < name.size() && depth > 0; ++end) {
      if (name[end] == name[i]) ++depth;
      if (name[end] == close && name[end - 1] != '-') --depth;
    }
    out += "{lambda}";
    i = end - 1;
  }
  return out;
}

// By name, or, if the name is unqualified, by file: the compiler's own source path, or that of the installed sources.
bool is_rust_library_frame(const Frame& frame) {
  std::string_view name = frame.function;
  while (name.starts_with('<') || name.starts_with('&')) name.remove_prefix(1);
  for (const std::string_view prefix : {"std::", "core::", "alloc::", "__rust_", "rust_"}) {
    if (name.starts_with(prefix)) return true;
  }
  return frame.file.starts_with("/rustc/") || frame.file.find("/rustlib/src/rust/library/") != std::string::npos;
}

}  // namespace

bool is_library_frame(const Frame& frame) {
  if (frame.is_rust) return is_rust_library_frame(frame);
  static constexpr std::array<std::string_view, 4> kPrefixes = {"std::", "__gthread_", "__gthrw_", "__gnu_cxx::"};
  const std::string_view name = without_return_type(without_parameters(without_suffixes(frame.function)));
  for (const std::string_view prefix : kPrefixes) {
    if (name.starts_with(prefix)) return true;
  }
  const std::string_view module = base_name(frame.module);
  if (frame.function.empty() && (module.starts_with("libstdc++.so") || module.starts_with("libc++.so"))) return true;
  // Inlined functions may have only an unqualified name ("lock"): their file identifies them. libstdc++ is in
  // /usr/include/c++/12 and /usr/include/x86_64-linux-gnu/c++/12, libc++ in .../include/c++/v1.
  return frame.file.find("/include/") != std::string::npos && frame.file.find("/c++/") != std::string::npos;
}

// The innermost of the three has two further symbols, at the ends of the range that can be cancelled.
bool is_cancellation_frame(const Frame& frame) {
  const std::string_view name = frame.function;
  return name.starts_with("__syscall_cancel") || name == "__internal_syscall_cancel";
}

std::string stable_function_name(std::string_view function) {
  const std::string_view bare = without_return_type(without_suffixes(without_parameters(without_suffixes(function))));
  return with_plain_lambdas(bare);
}

std::string readable_function_name(std::string_view function) {
  std::string name(function);
  replace_all(name, "std::__cxx11::", "std::");
  replace_all(name, "std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string");
  replace_all(name, "std::basic_string_view<char, std::char_traits<char> >", "std::string_view");
  // A template's return type is rarely useful and may be longer than the rest.
  const std::string_view before_parameters = without_parameters(without_suffixes(name));
  name.erase(0, before_parameters.size() - without_return_type(before_parameters).size());
  if (name.size() > kLongName) name = with_short_arguments(name);
  if (name.size() > kLongName) name = with_short_parameters(name);
  if (name.size() > kLongestName) name = name.substr(0, kLongestName) + "...";
  return name;
}

std::string name_by_acquisition(const std::vector<Frame>& taken) {
  const auto own =
      std::find_if(taken.begin(), taken.end(), [](const Frame& frame) { return !is_library_frame(frame); });
  return own == taken.end() || own->function.empty() ? "" : "taken in " + stable_function_name(own->function);
}

}  // namespace holdwatch
