// What reports cannot be written to, heard of while an attachment begins: whoever attaches is told, and the attachment is
// given up, rather than that reports go elsewhere.
// Cold context; the attaching thread asks, the reporter's thread complains.
#pragma once

namespace holdwatch {

// Complaints are kept from now on. Before the watch begins.
void listen_for_complaints();

// Waits, for a bounded time, until the reporter has looked where it will write; complaints that come later go to standard
// error. What it complained of, null if it did not.
const char* hear_complaints();

}  // namespace holdwatch
