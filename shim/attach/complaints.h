// What the reporter complains of while an attachment begins, so that whoever attaches is told: that reports cannot be written
// where they are to go, for which the attachment is given up, or that they will have no names.
// Cold context; the attaching thread asks, the reporter's thread complains.
#pragma once

namespace holdwatch {

struct Complaints {
  const char* refusal;  // each null if there is none
  const char* remark;
};

// Complaints are kept from now on. Before the watch begins.
void listen_for_complaints();

// Waits, for a bounded time, until the reporter has looked where it will write; complaints that come later go to standard
// error.
Complaints hear_complaints();

}  // namespace holdwatch
