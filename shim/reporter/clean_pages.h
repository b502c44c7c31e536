// Drops the symbolizer's code and constants from memory while they are not needed: the kernel reads a page from the
// file again when it is touched. So loading early costs little, even if the first report is days away.
// Cold context (reporter).
#pragma once

namespace holdwatch {

// Notes the pages of the library with this handle and of all others in its namespace. Takes the loader's lock.
void note_clean_pages(void* handle);

// Drops them. Takes no lock.
void drop_clean_pages();

}  // namespace holdwatch
