// The life of an attachment: a running process that loaded us late has its calls redirected, is watched, and is given back.
// offer_attachment: start context, in whatever thread loads the library. The rest runs in a thread of its own, which sleeps
// while nothing is asked of it; it may block in the loader, and nobody waits for it.
#pragma once

namespace holdwatch {

// Lets holdwatch_control_block say that an attachment can begin.
void offer_attachment();

// Whether calls are redirected now.
bool is_attached();

// In a thread of the program that is about to load a module, whose calls are to be redirected too.
void attachment_module_wanted();

// The watcher's: hands a question to detach over to the attachment's thread.
void ask_for_detachment();

// The child of a fork has the redirected calls, but not the thread; it gets one when its own watch begins.
void attachment_after_fork();
void attachment_resume();

}  // namespace holdwatch
