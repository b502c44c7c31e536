// Names functions from their debugging information entries. See die_names.h.
// Cold context only. Debug data may be damaged: every chain and every depth followed here is bounded.
#include "symbolizer/symbols/die_names.h"

#include <dwarf.h>

#include <vector>

#include "symbolizer/symbols/demangle.h"

namespace holdwatch {
namespace {

constexpr int kMaxChain = 16;        // abstract origins and specifications in a row
constexpr size_t kMaxNesting = 64;   // scopes around a function
constexpr int kMaxLocalClasses = 4;  // functions within classes within functions ...
constexpr size_t kLongestName = 4096;
constexpr char kNameless[] = "<unnamed>";

FunctionName name_within(Dwarf_Die die, int local_classes, Deadline& deadline);

std::string shortened(std::string name) {
  if (name.size() > kLongestName) name.replace(kLongestName, std::string::npos, "...");
  return name;
}

std::string text_of(Dwarf_Die die, unsigned attribute) {
  Dwarf_Attribute value;
  const char* text = dwarf_formstring(dwarf_attr_integrate(&die, attribute, &value));
  return text != nullptr ? shortened(text) : std::string();
}

// From a concrete instance to the declaration, which is inside the class or namespace that the function belongs to.
Dwarf_Die declaration_of(Dwarf_Die die) {
  for (int i = 0; i < kMaxChain; ++i) {
    Dwarf_Die next;
    if (!referenced_die(die, DW_AT_abstract_origin, next) && !referenced_die(die, DW_AT_specification, next)) break;
    die = next;
  }
  return die;
}

// The entries around `die`, outermost first. Entries are stored in tree order, so the one that contains `die` is the
// last sibling that begins before it.
std::vector<Dwarf_Die> enclosing(Dwarf_Die die, Deadline& deadline) {
  std::vector<Dwarf_Die> path;
  const Dwarf_Off wanted = dwarf_dieoffset(&die);
  Dwarf_Die parent;
  if (dwarf_diecu(&die, &parent, nullptr, nullptr) == nullptr) return path;
  Dwarf_Die child;
  while (path.size() < kMaxNesting && dwarf_child(&parent, &child) == 0) {
    Dwarf_Off last = 0;
    for (Dwarf_Die next; dwarf_dieoffset(&child) < wanted && dwarf_siblingof(&child, &next) == 0; child = next) {
      const Dwarf_Off offset = dwarf_dieoffset(&next);
      if (offset > wanted || offset <= last || deadline.has_passed()) break;
      last = offset;
    }
    if (dwarf_dieoffset(&child) >= wanted) break;
    path.push_back(child);
    parent = child;
  }
  return path;
}

// The name that a scope adds to the names in it, empty if none.
std::string scope_name(Dwarf_Die scope, int local_classes, Deadline& deadline) {
  const std::string name = text_of(scope, DW_AT_name);
  switch (dwarf_tag(&scope)) {
    case DW_TAG_namespace:
      return name.empty() ? "(anonymous namespace)" : name;
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
    case DW_TAG_enumeration_type:
      return name.empty() ? kNameless : name;
    case DW_TAG_subprogram:
      return local_classes < kMaxLocalClasses ? name_within(scope, local_classes + 1, deadline).text : std::string();
    default:
      return {};
  }
}

// "outer::Inner::", with the names of all scopes around the entry.
std::string scopes_of(Dwarf_Die die, int local_classes, Deadline& deadline) {
  std::string qualified;
  for (Dwarf_Die& scope : enclosing(die, deadline)) {
    const std::string outer = scope_name(scope, local_classes, deadline);
    // A function's own name is already qualified.
    if (dwarf_tag(&scope) == DW_TAG_subprogram) qualified.clear();
    if (!outer.empty()) qualified += outer + "::";
  }
  return qualified;
}

FunctionName name_within(Dwarf_Die die, int local_classes, Deadline& deadline) {
  for (unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    const std::string symbol = text_of(die, attribute);
    // A C function renamed by asm("...") has a linkage name too: libc's "__GI_send", which is less useful than "send".
    if (symbol.starts_with("_Z") || symbol.starts_with("_R")) return {demangle(symbol), true, is_rust_symbol(symbol)};
  }
  const std::string name = text_of(die, DW_AT_name);
  if (name.empty()) return {};
  std::string qualified = scopes_of(declaration_of(die), local_classes, deadline);
  // The class of a lambda has no name of its own in gcc's debug data.
  const std::string nameless = std::string(kNameless) + "::";
  if (name == "operator()" && qualified.ends_with(nameless)) {
    qualified.replace(qualified.size() - nameless.size(), nameless.size(), "{lambda}::");
  }
  return {shortened(readable(qualified + name)), false};
}

}  // namespace

bool referenced_die(Dwarf_Die die, unsigned attribute, Dwarf_Die& referenced) {
  Dwarf_Attribute value;
  return dwarf_attr(&die, attribute, &value) != nullptr && dwarf_formref_die(&value, &referenced) != nullptr;
}

FunctionName function_name(Dwarf_Die die, Deadline& deadline) {
  return name_within(die, 0, deadline);
}

std::string type_name(Dwarf_Die die, Deadline& deadline) {
  const std::string name = text_of(die, DW_AT_name);
  return name.empty() ? name : shortened(scopes_of(declaration_of(die), 0, deadline) + name);
}

}  // namespace holdwatch
