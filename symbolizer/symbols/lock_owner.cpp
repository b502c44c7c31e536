// See lock_owner.h. Cold context only.
#include "symbolizer/symbols/lock_owner.h"

#include <dwarf.h>

#include <optional>

#include "symbolizer/symbols/die_names.h"
#include "symbolizer/symbols/die_walk.h"
#include "symbolizer/symbols/lock_member.h"
#include "symbolizer/symbols/variable_place.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxVariables = 256;  // of one scope

bool is_variable(Dwarf_Die die) {
  const int tag = dwarf_tag(&die);
  return tag == DW_TAG_variable || tag == DW_TAG_formal_parameter;
}

bool is_of_standard_library(const std::string& type) {
  return type.starts_with("std::") || type.starts_with("__gnu_cxx::");
}

bool is_in_c(Dwarf_Die die) {
  Dwarf_Die unit;
  if (dwarf_diecu(&die, &unit, nullptr, nullptr) == nullptr) return false;
  switch (dwarf_srclang(&unit)) {
    case DW_LANG_C:
    case DW_LANG_C89:
    case DW_LANG_C99:
    case DW_LANG_C11:
      return true;
    default:
      return false;
  }
}

class FrameSearch {
 public:
  FrameSearch(const CodePlace& place, const FrameValues& frame, const LockRef& lock, Deadline& deadline)
      : place_(place), frame_(frame), lock_(lock), deadline_(deadline) {}

  std::string run() {
    for (Dwarf_Die scope : place_.scopes) {
      Dwarf_Die child;
      size_t count = 0;
      for (int found = dwarf_child(&scope, &child); found == 0 && count < kMaxVariables && !deadline_.has_passed();
           found = dwarf_siblingof(&child, &child)) {
        if (!is_variable(child)) continue;
        ++count;
        if (std::string name = in_variable(child); !name.empty()) return name;
      }
    }
    return "";
  }

 private:
  std::string in_variable(Dwarf_Die variable) {
    const auto type = type_of(variable);
    if (!type) return "";
    const auto place = place_of_variable(variable, place_.function, place_.pc, frame_);
    if (!place) return "";
    if (const auto target = type_pointed_to(*type)) {
      const auto address = place->is_in_memory ? frame_.word(place->value) : std::optional(place->value);
      return address ? in_object(*address, *target) : "";
    }
    if (!place->is_in_memory) return "";
    if (std::string name = in_local(variable, *type, place->value); !name.empty()) return name;
    return in_object(place->value, *type);
  }

  std::optional<std::string> way_in(uint64_t address, const PlainType& type) {
    if (lock_.address < address || lock_.address - address >= size_of(type)) return std::nullopt;
    return way_to_lock(type, lock_.address - address, lock_.kind, deadline_);
  }

  // A lock, or an array of them, that is a variable of the function.
  std::string in_local(Dwarf_Die variable, const PlainType& type, uint64_t address) {
    const auto way = way_in(address, type);
    if (!way || !(way->empty() || way->starts_with('['))) return "";
    const char* name = dwarf_diename(&variable);
    const std::string function = function_name(place_.function, deadline_).text;
    return name == nullptr || function.empty() ? "" : function + "::" + name + *way;
  }

  // In the object itself, or in one that it points to: lambdas and smart pointers do.
  std::string in_object(uint64_t address, const PlainType& type) {
    if (std::string name = member_of(address, type); !name.empty()) return name;
    std::string found;
    visit_pointers(type, deadline_, [&](uint64_t offset, const PlainType& to) {
      if (!found.empty()) return;
      if (const auto target = frame_.word(address + offset)) found = member_of(*target, to);
    });
    return found;
  }

  // Which of the library's objects it is says nothing.
  std::string member_of(uint64_t address, const PlainType& type) {
    const auto way = way_in(address, type);
    if (!way || way->empty() || way->starts_with('[')) return "";
    const std::string name = type_name(type.named, deadline_);
    return name.empty() || is_of_standard_library(name) ? "" : name + (is_in_c(type.named) ? "." : "::") + *way;
  }

  const CodePlace& place_;
  const FrameValues& frame_;
  const LockRef& lock_;
  Deadline& deadline_;
};

// Of a variable with static storage; nothing of one that is only declared here, or local to each thread.
std::optional<uint64_t> address_in_file(Dwarf_Die variable) {
  const FrameValues nothing_known{[](unsigned) { return std::nullopt; }, [](uintptr_t) { return std::nullopt; }, {}, 0};
  const auto place = place_of_variable(variable, variable, 0, nothing_known);
  return place && place->is_in_memory ? std::optional(place->value) : std::nullopt;
}

// Its own name in C, the linkage name in C++.
bool has_symbol(Dwarf_Die variable, const std::string& symbol) {
  for (unsigned attribute : {DW_AT_linkage_name, DW_AT_name}) {
    Dwarf_Attribute value;
    const char* name = dwarf_formstring(dwarf_attr_integrate(&variable, attribute, &value));
    if (name != nullptr) return symbol == name;
  }
  return false;
}

}  // namespace

std::string lock_in_frame(const CodePlace& place, const FrameValues& frame, const LockRef& lock, Deadline& deadline) {
  return FrameSearch(place, frame, lock, deadline).run();
}

bool lock_in_variable(Dwarf_Die unit, const std::string& symbol, uint64_t begin, const LockRef& lock,
                      Deadline& deadline, std::string& way) {
  bool is_found = false;
  walk_dies(unit, deadline, [&](Dwarf_Die die) {
    const int tag = dwarf_tag(&die);
    if (tag == DW_TAG_namespace) return NextDie::enter;
    if (tag != DW_TAG_variable && tag != DW_TAG_member) return NextDie::pass;
    const auto address = address_in_file(die);
    if (address ? *address != begin : !has_symbol(die, symbol)) return NextDie::pass;
    const auto type = type_of(die);
    const auto found = type ? way_to_lock(*type, lock.address - begin, lock.kind, deadline) : std::nullopt;
    if (!found) return NextDie::pass;
    is_found = true;
    way = found->empty() || found->starts_with('[') ? *found : "." + *found;
    return NextDie::stop;
  });
  return is_found;
}

}  // namespace holdwatch
