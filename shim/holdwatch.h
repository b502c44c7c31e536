/*
 * holdwatch's public interface, for C and C++: name locks, set limits, get reports.
 *
 * Needs no linking: the functions are weak. In a program that may run without holdwatch, use the HOLDWATCH_* macros below:
 * where holdwatch is not loaded they do nothing and cost one comparison.
 *
 * The functions can be called from any thread at any time, also while locks are held. They do not block and do not change
 * errno. They are not async-signal-safe.
 */
#ifndef HOLDWATCH_H
#define HOLDWATCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOLDWATCH_WEAK __attribute__((weak))

/* Gives the lock at `lock` (a pthread_mutex_t, pthread_rwlock_t, mtx_t, or a std::mutex's native_handle()) a name for
 * reports. The text is copied, up to 63 bytes. Null or "" removes the name, and so does destroying the lock. */
HOLDWATCH_WEAK void holdwatch_name_lock(const void* lock, const char* name);

/* Sets a limit for this lock, in nanoseconds, instead of LIMIT and READ_LIMIT. 0: no hold of it is reported (a deadlock
 * still is). HOLDWATCH_USUAL_LIMIT removes the limit again. Holds are checked as often as the smallest limit requires, but
 * for limits of single locks at most every 12 ms: a limit shorter than 100 ms is noticed up to 20 ms late. */
HOLDWATCH_WEAK void holdwatch_set_limit(const void* lock, uint64_t limit_ns);
#define HOLDWATCH_USUAL_LIMIT UINT64_MAX

/* Calls `callback` for each report that is written, on a thread of holdwatch that has all signals blocked. `text` is the
 * text for the log, `json` the JSON line; both are valid only during the call. A callback may take locks and may be slow:
 * it delays only later reports. It is not called once exit() has run its first handlers. Null removes the callback. */
typedef void (*holdwatch_callback)(const char* text, const char* json, void* context);
HOLDWATCH_WEAK void holdwatch_on_report(holdwatch_callback callback, void* context);

/* Between the two calls, acquisitions of the calling thread are not recorded. Releases are, so that no hold is left behind.
 * The calls do not nest. */
HOLDWATCH_WEAK void holdwatch_pause(void);
HOLDWATCH_WEAK void holdwatch_resume(void);

/* Requests a report of every lock that is held now, however short the hold. Returns at once; the reports follow soon. */
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
