// The rules that come with holdwatch: the texts of the files beside this one, as they were when it was built.
#pragma once

namespace holdwatch {

extern const char kGivenRules[];

}  // namespace holdwatch
