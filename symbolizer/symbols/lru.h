// A map of bounded size that drops the least recently used entry.
// Any context that may allocate.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace holdwatch {

template <typename Key, typename Value>
class Lru {
 public:
  explicit Lru(size_t capacity) : capacity_(capacity) {}

  // The value of `key`, which becomes the most recently used; null if there is none. Valid until the next insert.
  Value* find(const Key& key) {
    auto place = places_.find(key);
    if (place == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, place->second);
    return &entries_.front().second;
  }

  // Adds an entry that find() did not find.
  Value& insert(const Key& key, Value value) {
    if (entries_.size() >= capacity_) drop_oldest();
    entries_.emplace_front(key, std::move(value));
    places_[key] = entries_.begin();
    return entries_.front().second;
  }

  void drop_oldest() {
    if (entries_.empty()) return;
    places_.erase(entries_.back().first);
    entries_.pop_back();
  }

  void clear() {
    places_.clear();
    entries_.clear();
  }

  size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;
  size_t capacity_;
  Entries entries_;
  std::unordered_map<Key, typename Entries::iterator> places_;
};

}  // namespace holdwatch
