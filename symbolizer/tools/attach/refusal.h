// Why a command does nothing: one line that says what is in the way, and what to do about it.
#pragma once

#include <stdexcept>

namespace holdwatch::control {

class Refusal : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace holdwatch::control
