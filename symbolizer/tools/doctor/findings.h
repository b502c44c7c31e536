// What the doctor has found, one line each, and how it is printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdwatch {

enum class Verdict : uint8_t {
  fine,
  note,      // watching works, but sees or reports less
  obstacle,  // nothing is watched
};

// How much the doctor could examine.
enum class Coverage : uint8_t {
  complete,
  denied,  // permission denied for what matters most; a finding says so
  none,
};

struct CheckResult {
  Verdict verdict;
  std::string subject;  // one word
  std::string text;     // the fact, and after a semicolon what to do about it
};

class Findings {
 public:
  void fine(std::string subject, std::string text) { add(Verdict::fine, std::move(subject), std::move(text)); }
  void note(std::string subject, std::string text) { add(Verdict::note, std::move(subject), std::move(text)); }
  void obstacle(std::string subject, std::string text) { add(Verdict::obstacle, std::move(subject), std::move(text)); }

  void add_all(const Findings& others) { list_.insert(list_.end(), others.list_.begin(), others.list_.end()); }

  bool has_obstacle() const;
  // Removes the findings that are fine.
  void drop_fine();
  void print(bool in_color) const;

 private:
  void add(Verdict verdict, std::string subject, std::string text) {
    list_.push_back({verdict, std::move(subject), std::move(text)});
  }

  std::vector<CheckResult> list_;
};

}  // namespace holdwatch
