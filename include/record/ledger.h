/* ledger.h - one line for every client, when its stay is over: docs/ledger.md. */
#ifndef FERRY_LEDGER_H
#define FERRY_LEDGER_H

#include "record/stay.h"
#include "session/claims.h"

#include <stdbool.h>
#include <sys/types.h>

struct ledger {
    const char *path; /* NULL: none is kept; borrowed */
    int dir_fd;       /* of its directory, to open it again from inside the sandbox; owned */
    int fd;           /* owned */
    mode_t mode;      /* that it is created with */
    struct ledger_line *line; /* that is written; owned; no worker inherits it */
    bool failing;             /* told once, until a line is written again */
    bool torn;                /* the last line is not whole */
    const char *kind;         /* for the lines: what a worker's id counts, borrowed, */
    size_t cap;               /* and how many may run at once */
};

/* The end of a stay. */
struct ledger_entry {
    const struct stay *stay;
    struct claims claims; /* from claims_read(); all 0 where it never ran */
    int64_t ended_ns;     /* io_now_ns() */
    enum outcome outcome;
    int signal; /* 0: none */
};

/* Opens the ledger `path` for appending; NULL: there is none, and the other calls do nothing.
 * `mode` is that of a new file, `kind` and `cap` are the server's. Returns 0, or -1 with errno.
 * ledger_close() closes it. */
int ledger_open(struct ledger *ledger, const char *path, mode_t mode, const char *kind, size_t cap);
void ledger_close(struct ledger *ledger);

/* Opens it again, under the same name: what logrotate asks for. Where that fails, the complaint
 * goes to standard error and the lines to the file there was. */
void ledger_reopen(struct ledger *ledger);

/* Appends one line by one write(2). A ledger that cannot be written is complained about once, on
 * standard error, and disturbs nobody. */
void ledger_write(struct ledger *ledger, const struct ledger_entry *entry);

#endif
