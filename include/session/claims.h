/* claims.h - what a worker tells of its client while it serves it, on a page of its own.
 *
 * The parent shares the pages with its workers (and besides only the counts of log.c), so that a
 * page can be read while its worker runs and after it was killed. Only the worker writes it, from a
 * clean page on, and the worker talks to strangers: who reads it must not trust a byte of it
 * (record/claims_reader.h). A worker process keeps its own page and lets go of the others before it
 * reads a byte. */
#ifndef FERRY_CLAIMS_H
#define FERRY_CLAIMS_H

#include "common/proto.h"

#include <stddef.h>
#include <stdint.h>

/* How a client's stay came to its end: the closed list of docs/ledger.md. */
enum outcome {
    OUTCOME_NONE, /* it has not, or its worker did not live to say */
    OUTCOME_DONE,
    OUTCOME_REFUSED,
    OUTCOME_CLIENT_GONE,
    OUTCOME_TIMEOUT,
    OUTCOME_TOO_SLOW,
    OUTCOME_BROKEN, /* the client broke the protocol, the file shrank on its way, or we had no room
                     */
    OUTCOME_ABANDONED,
    OUTCOME_SHUTDOWN,
    OUTCOME_SIGNAL,
    OUTCOME_SANDBOX,
    OUTCOMES
};

/* What a client asked for, over all services; the lab's come first, by its own numbers. */
enum claims_verb {
    CLAIMS_NO_VERB = PROTO_NO_VERB,
    CLAIMS_GET = PROTO_GET,
    CLAIMS_PUT = PROTO_PUT,
    CLAIMS_DEL = PROTO_DEL,
    CLAIMS_HEAD,
    CLAIMS_DELETE,
    CLAIMS_OPTIONS,
    CLAIMS_MKCOL,
    CLAIMS_LIST, /* a GET that is answered with a listing */
    CLAIMS_VERBS
};

struct claims {
    uint32_t verb;        /* an enum claims_verb */
    uint32_t reason;      /* the errno of what went wrong; 0: nothing, or the outcome says it */
    uint32_t outcome;     /* an enum outcome that a worker can tell: up to OUTCOME_BROKEN */
    uint32_t status;      /* that an HTTP request was answered with; 0: none, or another protocol */
    uint64_t size, moved; /* of the data, bytes */
    int64_t first_ns, last_ns; /* CLOCK_MONOTONIC, when data first and last moved; 0: never */
    char name[PROTO_REQUEST_MAX + 1];
    char error[PROTO_REQUEST_MAX + 64]; /* the words of an ERROR */
};

struct claims_pages {
    unsigned char *base; /* owned */
    size_t distance;     /* from one to the next: whole pages, bytes */
    size_t bytes;        /* of all */
};

/* Makes one for each of `slots` slots. Returns 0, or -1 with errno. claims_close() frees them. */
int claims_open(struct claims_pages *pages, size_t slots);
void claims_close(struct claims_pages *pages);

/* The claims of a slot, 0 to slots - 1. */
struct claims *claims_of(const struct claims_pages *pages, size_t slot);

/* For a new worker: nothing is claimed there any more. */
void claims_clear(const struct claims_pages *pages, size_t slot);

/* ---- for the services, in the worker ---- */

/* The session has come to this end, for this errno (0: the outcome says it). Returns `outcome`. */
enum outcome claims_end(struct claims *claims, enum outcome outcome, int reason);

/* The session ends without a last word, for the reason that errno gives; it is claimed where the
 * outcome does not say it already. */
enum outcome claims_break_off(struct claims *claims);

/* `moved` bytes of data have moved by now: transfer.h's on_progress, with the claims as `arg`. */
void claims_moved(void *arg, uint64_t moved);

/* In a worker process: unmaps all pages but that of `slot`. Returns 0; or -1 with errno, and then
 * the process may still reach what others wrote, and must not go on. */
int claims_keep_only(const struct claims_pages *pages, size_t slot);

#endif
