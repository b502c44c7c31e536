// Why a command does nothing: one line with the obstacle and what to do about it.
#pragma once

#include <stdexcept>

namespace holdwatch::attach {

class Refusal : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace holdwatch::attach
