/*
 * holdwatch's public interface, for C and C++: tell holdwatch more about your locks.
 *
 * Usable without linking against anything: the functions are weak, and where holdwatch is not loaded the calls below do
 * nothing and cost one comparison. Include the header and call the holdwatch_* macros' namesakes freely.
 *
 * All of them may be called from any thread at any time, also while locks are held; none blocks, none changes errno. They
 * are not async-signal-safe.
 */
#ifndef HOLDWATCH_H
#define HOLDWATCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOLDWATCH_WEAK __attribute__((weak))

/* Gives the lock at `lock` (a pthread_mutex_t, pthread_rwlock_t, mtx_t, or a std::mutex's native_handle()) a name for
 * reports; the text is copied, at most 63 bytes of it. Null or "" takes the name away, and so does destroying the lock. */
HOLDWATCH_WEAK void holdwatch_name_lock(const void* lock, const char* name);

/* Sets this lock's own limit in nanoseconds instead of LIMIT and READ_LIMIT: 0 means that no hold of it is reported
 * (a deadlock still is), HOLDWATCH_USUAL_LIMIT takes the own limit back. Holds are looked at as often as the smallest
 * limit needs, but for a lock's own not more often than every 12 ms: one shorter than 100 ms is noticed late by up to
 * 20 ms. */
HOLDWATCH_WEAK void holdwatch_set_limit(const void* lock, uint64_t limit_ns);
#define HOLDWATCH_USUAL_LIMIT UINT64_MAX

/* Calls `callback` for each report that is written, on a thread of holdwatch's that has all signals blocked. `text` is what
 * the log gets, `json` the JSON line; both are valid during the call only. A callback may take its time and take locks: it
 * delays later reports, nothing else. Not called once exit() has run its first handlers. Null takes the callback away. */
typedef void (*holdwatch_callback)(const char* text, const char* json, void* context);
HOLDWATCH_WEAK void holdwatch_on_report(holdwatch_callback callback, void* context);

/* Between the two, acquisitions of the calling thread are not recorded. Releases are: no hold is left over. Not nested. */
HOLDWATCH_WEAK void holdwatch_pause(void);
HOLDWATCH_WEAK void holdwatch_resume(void);

/* Asks for one report of every lock that is held now, however short. Returns at once; the report is written soon after. */
HOLDWATCH_WEAK void holdwatch_snapshot(void);

/* Null-safe forms, for programs that may run without holdwatch. */
#define HOLDWATCH_CALL(function, ...)    \
  do {                                   \
    if (function) function(__VA_ARGS__); \
  } while (0)
#define HOLDWATCH_NAME_LOCK(lock, name) HOLDWATCH_CALL(holdwatch_name_lock, (lock), (name))
#define HOLDWATCH_SET_LIMIT(lock, limit_ns) HOLDWATCH_CALL(holdwatch_set_limit, (lock), (limit_ns))
#define HOLDWATCH_ON_REPORT(callback, context) HOLDWATCH_CALL(holdwatch_on_report, (callback), (context))
#define HOLDWATCH_PAUSE() HOLDWATCH_CALL(holdwatch_pause)
#define HOLDWATCH_RESUME() HOLDWATCH_CALL(holdwatch_resume)
#define HOLDWATCH_SNAPSHOT() HOLDWATCH_CALL(holdwatch_snapshot)

#ifdef __cplusplus
}
#endif

#endif
