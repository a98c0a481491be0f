/* worker.h - what serves one client: a process (worker_fork.c) or a thread (worker_thread.c).
 *
 * The one interface with two implementations, chosen when the program is linked. Everything else
 * in ferryd and ferryd-threads is the same object files. All of it is called by the manager. */
#ifndef FERRY_WORKER_H
#define FERRY_WORKER_H

#include "manager/pending.h"
#include "session/sandbox.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* "pid" or "thread": what worker_id counts, for people. */
extern const char worker_kind[];

/* The program's name, for its messages. */
extern const char worker_program[];

/* How many descriptors a worker takes from the manager's own table: none where it has its own. */
extern const size_t worker_fds;

/* Has a worker memory of its own, which is the manager's as it was when the worker was started? */
extern const bool worker_has_own_memory;

/* The system calls that starting and reaping workers takes, for the sandbox's filter. */
extern const struct sandbox_rule worker_rules[];
extern const size_t worker_rule_count;

/* The exit status of a worker that could not confine itself; otherwise it is 0. */
enum { WORKER_UNCONFINED = 3 };

/* What worker_try() may find besides: it cannot let go of memory that is others', or its parent is
 * not to be seen. */
enum { WORKER_SHARES = SANDBOX_PARTS, WORKER_ORPHANED };

/* A process id or a thread's number; unique among the workers not yet reaped. */
typedef int64_t worker_id;

struct worker_end {
    worker_id id;
    int status; /* 0, or WORKER_UNCONFINED, where `signal` is 0 */
    int signal; /* the signal that killed it, or 0 */
};

/* Once, before any other call here. `inherited` is the signal mask that the server was started
 * with, for its children. What it is given must outlive the workers, the mask excepted. Returns a
 * descriptor that becomes readable when a worker has ended and that worker_wake_clear() clears; or
 * -1 with errno. */
int worker_init(const struct session_config *config, const struct sandbox *confinement,
                const struct claims_pages *pages, const sigset_t *inherited);
void worker_wake_clear(int wake_fd);

/* Starts a worker for `client`, which claims on the page of its slot, and takes over its
 * descriptor. `waiting` clients have a connection in the caller's table of descriptors, and
 * `highest_fd` is the highest that one of them, or the process when it started, has had. Returns
 * its id, or -1 with errno where there is nothing to start it with at the moment (EAGAIN, ENOMEM:
 * fork(2), pthread_create(3)); then the record and its descriptor stay the caller's, to be tried
 * again. A worker process reads the record after its birth: it must not lie in memory that it does
 * not inherit. */
worker_id worker_start(struct pending *client, size_t waiting, int highest_fd);

/* Before the first client: starts a worker that confines itself as all will, serves nobody, and
 * ends; and waits for that. Returns 0 and fills in `end`, where the status is 0, a sandbox_part
 * that it could not put on, or WORKER_*; or -1 with errno, where none could be started. */
int worker_try(struct worker_end *end, int highest_fd);

/* Takes back one worker that has ended. Returns true and fills in `end`, or false when there is
 * none at the moment. Never waits. */
bool worker_reap(struct worker_end *end);

/* Asks one worker to end (`forcibly` false: it may finish the step it is in), or makes it end.
 * A thread cannot be made to: it is asked again. */
void worker_stop(worker_id id, bool forcibly);

#endif
