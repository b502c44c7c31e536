// Ends a process whose own threads have all ended. One whose main thread left by pthread_exit ends when its last thread
// does, by exit(0) in that thread (pthread_exit(3); nptl/pthread_create.c). glibc counts our threads too, so that it would
// never come to that: then it is on us.
// Cold context: the watcher, and a thread of the program that leaves.
#pragma once

namespace holdwatch {

// Called by a thread that leaves after the main thread has left, if it ever took a lock, for only then do we see it leave.
void exit_if_last(bool is_leader);

// Called by the watcher at each look: the last thread may be one that we do not see leave.
void end_process_without_threads();

// One thread of ours more than the watch's two lives in this process: the attachment's.
void expect_attachment_thread(bool expected);

// The watcher's own thread is in exit().
bool watcher_ends_process();

}  // namespace holdwatch
