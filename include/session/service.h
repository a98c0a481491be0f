/* service.h - what is said on a connection: the one thing that neither manager nor workers know.
 *
 * A listener carries a service, the record of a client that came to it carries it on, and the
 * worker calls it. */
#ifndef FERRY_SERVICE_H
#define FERRY_SERVICE_H

#include "session/claims.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct session_config {
    int root_fd;       /* the directory served; borrowed */
    dev_t nameless;    /* storage_nameless_device() of it */
    int proc_fd;       /* /proc, where it is out of sight: see identity.h; or -1; borrowed */
    int turn_ms;       /* for each of the client's turns, the whole of it */
    int idle_ms;       /* between two moves of data */
    uint64_t min_rate; /* of data, bytes a second; see transfer.h; 0: any */
    uint64_t max_size; /* of an upload, bytes */
    bool durable;      /* what DONE promises */
    mode_t mask;       /* the umask that new files get; the process's own is 0 */
    bool read_only;    /* PUT and DEL are refused */
    bool no_delete;    /* DEL is */
    bool no_overwrite; /* PUT creates new files only */
    bool verbose;      /* print the request and what is done about it */
};

struct service {
    const char *name;

    /* Serves one client on `fd`, a connected socket with io_bound_waits(), until the last word is
     * said and drained, and tells how it goes in `claims`, all 0 before. Borrows all three: the
     * caller closes `fd`. Logs with log_line(), once per event. Runs in the worker, process or
     * thread: so no exit(), chdir(), umask(), static buffers. */
    void (*run)(const struct session_config *config, int fd, struct claims *claims);
};

#endif
