/* session.h - one client's conversation, from READY to DONE. */
#ifndef FERRY_SESSION_H
#define FERRY_SESSION_H

#include "session/claims.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct session_config {
    int root_fd;           /* the directory served; borrowed */
    int proc_fd;           /* /proc, where it is out of sight: see identity.h; or -1; borrowed */
    int turn_ms;           /* for each of the client's turns, the whole of it */
    int idle_ms;           /* between two moves of data */
    uint64_t min_rate;     /* of data, bytes a second; see transfer.h; 0: any */
    uint64_t max_size;     /* of an upload, bytes */
    bool durable;          /* what DONE promises */
    mode_t mask;           /* the umask that new files get; the process's own is 0 */
    bool may_put, may_del; /* false: refused */
    bool may_overwrite;    /* false: PUT creates new files only */
    bool verbose;          /* print the request and what is done about it */
};

/* How it went, and a worker process's exit status. */
enum session_outcome {
    SESSION_DONE = 0,    /* it is done, and DONE was said to whoever was still there */
    SESSION_REFUSED = 1, /* ERROR was said */
    SESSION_BROKEN = 2   /* neither: the client left, fell silent, or broke the protocol */
};

/* Talks to the client on `fd`, a connected non-blocking socket, until the last word is said and
 * drained, and tells how it goes in `report`. Borrows both: the caller closes `fd`. Logs with
 * log_line(), once per event. */
enum session_outcome session_run(const struct session_config *config, int fd,
                                 struct report *report);

#endif
