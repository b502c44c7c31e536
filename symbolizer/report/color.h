// Colors for reports on a terminal. Text in files and pipes never has any.
// Cold context.
#pragma once

#include <string>
#include <string_view>

#include "shim/common/contract/settings.h"
#include "symbolizer/report/severity.h"

namespace holdwatch {

// Whether text for this descriptor is to be colored. ColorWhen::automatic: if it is a terminal.
bool uses_color(ColorWhen when, int descriptor);

// The same for a tool, which asks its own environment too: see allows_color.
bool tool_uses_color(ColorWhen when, int descriptor);

// Rendered text, whole lines, with SGR sequences: the first lines of reports in the severity's color, the labels of the
// left column, and the marks in stacks. Without these sequences it is the same text.
std::string colored(std::string_view text, Severity severity);

}  // namespace holdwatch
