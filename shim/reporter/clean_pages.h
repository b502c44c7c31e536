// Gives back the memory of the symbolizer's code and constants while it is not needed: its files have the same, and the
// kernel reads a page again when it is touched. Early loading costs little so, though a report may come days later.
// Cold context (reporter).
#pragma once

namespace holdwatch {

// Notes which pages are meant: of the library with this handle and of those in its namespace. Takes the loader's lock.
void note_clean_pages(void* handle);

// Gives them back. Takes no lock.
void give_back_clean_pages();

}  // namespace holdwatch
