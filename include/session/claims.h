/* report.h - what a worker tells about its client while it serves it.
 *
 * Lives in memory that the worker shares with the manager (board.h), so that it can be read while
 * the worker runs and after it was killed. Only the worker writes it, and the worker talks to
 * strangers: who reads it must not trust a byte of it (report_read()). */
#ifndef FERRY_REPORT_H
#define FERRY_REPORT_H

#include "common/proto.h"

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

enum { REPORT_NO_VERB, REPORT_GET, REPORT_PUT, REPORT_DEL, REPORT_VERBS };

struct report {
    uint32_t verb;        /* one of REPORT_* */
    uint32_t reason;      /* the errno of what went wrong; 0: nothing, or the outcome says it */
    uint32_t outcome;     /* an enum outcome that a worker can tell: up to OUTCOME_BROKEN */
    uint64_t size, moved; /* of the data, bytes */
    int64_t first_ns, last_ns; /* CLOCK_MONOTONIC, when data first and last moved; 0: never */
    char name[PROTO_REQUEST_MAX + 1];
    char error[PROTO_REQUEST_MAX + 64]; /* the words of an ERROR */
};

/* Copies a report, with everything in it made sane: numbers in their ranges, texts terminated. */
void report_read(const struct report *shared, struct report *copy);

/* The words of docs/ledger.md. */
const char *report_outcome_name(enum outcome outcome);
const char *report_verb_name(uint32_t verb); /* "" for REPORT_NO_VERB */

enum { REPORT_REASON_TEXT = 64 };

/* A reason that is not 0: its name, for programs ("ENOSPC"), and its words, for people. The result
 * may be `text`. */
const char *report_reason_name(uint32_t reason, char text[REPORT_REASON_TEXT]);
const char *report_reason_words(uint32_t reason, char text[REPORT_REASON_TEXT]);

#endif
