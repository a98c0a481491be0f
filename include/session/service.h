/* service.h - what is said on a connection: the one thing that neither manager nor workers know.
 *
 * A listener carries a service, the record of a client that came to it carries it on, and the
 * worker calls it. */
#ifndef FERRY_SERVICE_H
#define FERRY_SERVICE_H

#include "session/claims.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The names that a Host may give this machine, besides addresses and localhost. */
enum { HTTP_NAMES_MAX = 16, HTTP_NAME_MAX = 255 };
struct http_names {
    const char *given[HTTP_NAMES_MAX]; /* by --http-host; borrowed */
    size_t given_count;
    char own[HTTP_NAME_MAX + 1]; /* gethostname(2)'s; "": it has none */
};

/* The names of a directory of some 20,000 files; more would only save looks at larger ones. */
enum { SESSION_SCRATCH_BYTES = 1024 * 1024 };

struct session_config {
    int root_fd;           /* the directory served; borrowed */
    dev_t nameless;        /* storage_nameless_device() of it */
    int proc_fd;           /* /proc, where it is out of sight: see identity.h; or -1; borrowed */
    int turn_ms;           /* for each of the client's turns, the whole of it */
    int idle_ms;           /* between two moves of data */
    uint64_t min_rate;     /* of data, bytes a second; see pace.h; 0: any */
    uint64_t max_size;     /* of an upload, bytes */
    bool durable;          /* what DONE promises */
    mode_t mask;           /* the umask that new files get; the process's own is 0 */
    bool read_only;        /* PUT and DEL are refused */
    bool no_delete;        /* DEL is */
    bool no_overwrite;     /* PUT creates new files only */
    bool make_directories; /* clients may make directories; PUT makes those that are missing */
    bool verbose;          /* print the request and what is done about it */
    struct http_names http_names;
    unsigned char *scratch; /* memory for a listing (listing.h), of SESSION_SCRATCH_BYTES, that each
                               worker has to itself; NULL: each maps its own; borrowed */
};

struct service {
    const char *name; /* up to STAY_SERVICE_MAX - 1 bytes are told */

    /* The client speaks first: who has connected and says nothing need not be taken in. */
    bool client_begins;

    /* Serves one client on `fd`, a connected socket with io_bound_waits(), until the last word is
     * said and drained, and tells how it goes in `claims`, all 0 before. Borrows all three: the
     * caller closes `fd`. Logs with log_line(), once per event. Runs in the worker, process or
     * thread: so no exit(), chdir(), umask(), static buffers. */
    void (*run)(const struct session_config *config, int fd, struct claims *claims);
};

#endif
