// See lock_member.h. Cold context only.
#include "symbolizer/symbols/lock_member.h"

#include <dwarf.h>

#include <algorithm>
#include <string_view>

#include "symbolizer/symbols/die_names.h"

namespace holdwatch {
namespace {

constexpr int kMaxNames = 32;      // typedefs and qualifiers in a row
constexpr int kMaxNesting = 16;    // members within members
constexpr int kMaxMembers = 4096;  // of one class
constexpr int kMaxPointers = 64;   // in one object

bool is_class(Dwarf_Die type) {
  const int tag = dwarf_tag(&type);
  return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

std::optional<uint64_t> number_of(Dwarf_Die die, unsigned attribute) {
  Dwarf_Attribute value;
  Dwarf_Word number = 0;
  if (dwarf_formudata(dwarf_attr_integrate(&die, attribute, &value), &number) != 0) return std::nullopt;
  return number;
}

std::string name_of(Dwarf_Die die) {
  const char* name = dwarf_diename(&die);
  return name == nullptr ? "" : name;
}

bool is_lock_type(std::string_view name, LockKind kind) {
  if (kind == LockKind::rwlock) return name == "pthread_rwlock_t";
  return kind == LockKind::mutex && (name == "pthread_mutex_t" || name == "mtx_t");
}

bool is_any_lock_type(std::string_view name) {
  return is_lock_type(name, LockKind::mutex) || is_lock_type(name, LockKind::rwlock);
}

bool only_names_another(int tag) {
  return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
         tag == DW_TAG_atomic_type || tag == DW_TAG_restrict_type;
}

// Of the C++ library's wrappers, where "_M_mutex" and the like stand for the lock itself.
bool is_librarys(std::string_view member) {
  return member.starts_with("_M_") || member.starts_with("__");
}

// How many elements an array has; 0 if that is not known, or it has several dimensions.
uint64_t element_count(Dwarf_Die array) {
  uint64_t count = 0;
  Dwarf_Die range;
  for (int found = dwarf_child(&array, &range); found == 0; found = dwarf_siblingof(&range, &range)) {
    if (dwarf_tag(&range) != DW_TAG_subrange_type) continue;
    if (count != 0) return 0;
    const auto upper = number_of(range, DW_AT_upper_bound);
    count = upper ? *upper + 1 : number_of(range, DW_AT_count).value_or(0);
  }
  return count;
}

// Calls `visit(member, offset, is_base)` for what an object of the class consists of, until that returns true.
template <typename Visit>
bool any_part(Dwarf_Die type, Deadline& deadline, Visit visit) {
  const bool is_union = dwarf_tag(&type) == DW_TAG_union_type;
  Dwarf_Die part;
  int members = 0;
  for (int found = dwarf_child(&type, &part); found == 0; found = dwarf_siblingof(&part, &part)) {
    if (++members > kMaxMembers || deadline.has_passed()) return false;
    const int tag = dwarf_tag(&part);
    if (tag != DW_TAG_member && tag != DW_TAG_inheritance) continue;
    // Static members have none, and that of a virtual base is to be computed.
    const auto offset = number_of(part, DW_AT_data_member_location);
    if (!offset && !(is_union && dwarf_hasattr(&part, DW_AT_external) == 0)) continue;
    if (visit(part, offset.value_or(0), tag == DW_TAG_inheritance)) return true;
  }
  return false;
}

class Search {
 public:
  Search(LockKind kind, Deadline& deadline) : kind_(kind), deadline_(deadline) {}

  bool find(const PlainType& object, uint64_t offset, int nesting) {
    if (offset == 0 && is_lock_type(object.name, kind_)) return true;
    if (nesting == kMaxNesting || deadline_.has_passed()) return false;
    Dwarf_Die type = object.die;
    if (dwarf_tag(&type) == DW_TAG_array_type) return find_in_array(object, offset, nesting);
    if (!is_class(type)) return false;
    return any_part(type, deadline_, [&](Dwarf_Die part, uint64_t begin, bool is_base) {
      const auto part_type = type_of(part);
      if (!part_type || offset < begin) return false;
      if (offset - begin >= size_of(*part_type)) return false;
      const size_t length = way_.size();
      // A nameless struct or union has its members within the one around it.
      if (const std::string name = is_base ? "" : name_of(part); !name.empty()) add(name);
      if (find(*part_type, offset - begin, nesting + 1)) return true;
      way_.resize(length);
      return false;
    });
  }

  std::string way() const {
    std::string_view way = way_;
    for (size_t dot = 0; dot != std::string_view::npos;) {
      dot = way.rfind('.');
      const std::string_view last = dot == std::string_view::npos ? way : way.substr(dot + 1);
      if (!is_librarys(last)) break;
      way = dot == std::string_view::npos ? std::string_view() : way.substr(0, dot);
    }
    return std::string(way);
  }

 private:
  void add(const std::string& name) {
    if (!way_.empty()) way_ += '.';
    way_ += name;
  }

  bool find_in_array(const PlainType& array, uint64_t offset, int nesting) {
    const auto element = type_of(array.die);
    const uint64_t size = element ? size_of(*element) : 0;
    if (size == 0 || offset / size >= element_count(array.die)) return false;
    const size_t length = way_.size();
    way_ += '[' + std::to_string(offset / size) + ']';
    if (find(*element, offset % size, nesting + 1)) return true;
    way_.resize(length);
    return false;
  }

  LockKind kind_;
  Deadline& deadline_;
  std::string way_;
};

void visit_pointers_in(const PlainType& object, uint64_t at, int nesting, int& left, Deadline& deadline,
                       const std::function<void(uint64_t, const PlainType&)>& visit) {
  if (!is_class(object.die) || nesting == kMaxNesting) return;
  any_part(object.die, deadline, [&](Dwarf_Die part, uint64_t begin, bool) {
    const auto type = type_of(part);
    if (!type) return false;
    if (const auto to = type_pointed_to(*type)) {
      if (left-- <= 0) return true;
      visit(at + begin, *to);
    } else {
      visit_pointers_in(*type, at + begin, nesting + 1, left, deadline, visit);
    }
    return false;
  });
}

}  // namespace

std::optional<PlainType> plain_type(Dwarf_Die type) {
  PlainType plain{type, type, ""};
  for (int i = 0; i < kMaxNames; ++i) {
    // With -fdebug-types-section, the class is in a unit of its own.
    if (Dwarf_Die whole; referenced_die(type, DW_AT_signature, whole)) type = whole;
    // A lock goes by its typedef, anything else by the innermost name: that of the class if it has one.
    if (std::string name = name_of(type); !name.empty() && !is_any_lock_type(plain.name)) {
      plain.named = type;
      plain.name = std::move(name);
    }
    plain.die = type;
    if (!only_names_another(dwarf_tag(&type))) return plain;
    if (!referenced_die(plain.die, DW_AT_type, type)) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<PlainType> type_of(Dwarf_Die die) {
  Dwarf_Attribute value;
  Dwarf_Die type;
  if (dwarf_formref_die(dwarf_attr_integrate(&die, DW_AT_type, &value), &type) == nullptr) return std::nullopt;
  return plain_type(type);
}

std::optional<PlainType> type_pointed_to(const PlainType& pointer) {
  Dwarf_Die die = pointer.die;
  switch (dwarf_tag(&die)) {
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
      return type_of(die);
    default:
      return std::nullopt;
  }
}

uint64_t size_of(PlainType type) {
  if (const auto size = number_of(type.die, DW_AT_byte_size)) return *size;
  if (dwarf_tag(&type.die) != DW_TAG_array_type) return 0;
  const auto element = type_of(type.die);
  const uint64_t size = element ? number_of(element->die, DW_AT_byte_size).value_or(0) : 0;
  uint64_t total = 0;
  return __builtin_mul_overflow(size, element_count(type.die), &total) ? 0 : total;
}

std::optional<std::string> way_to_lock(const PlainType& object, uint64_t offset, LockKind kind, Deadline& deadline) {
  Search search(kind, deadline);
  if (!search.find(object, offset, 0)) return std::nullopt;
  return search.way();
}

void visit_pointers(const PlainType& object, Deadline& deadline,
                    const std::function<void(uint64_t offset, const PlainType& to)>& visit) {
  int left = kMaxPointers;
  visit_pointers_in(object, 0, 0, left, deadline, visit);
}

}  // namespace holdwatch
