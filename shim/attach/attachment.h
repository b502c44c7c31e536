// The life of an attachment: a running process loads us late, has its calls redirected, is watched, and is detached
// again. offer_attachment: start context, in whichever thread loads the library. The rest runs in a thread of its own,
// which sleeps until there is a request; it may block in the loader, which delays no other thread.
#pragma once

namespace holdwatch {

// Announces in holdwatch_control_block that an attachment can begin.
void offer_attachment();

// Whether calls are redirected now.
bool is_attached();

// Called in a thread of the program that is about to load a module, whose calls must be redirected too.
void attachment_before_module_load();

// For the watcher: passes a request to detach on to the attachment's thread.
void request_detachment();

// The child of a fork has the redirected calls, but not the thread; it gets one when watching begins there.
void attachment_after_fork();
void attachment_resume();

}  // namespace holdwatch
