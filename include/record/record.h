/* record.h - what the manager tells of its clients, written down: -v and -vv, ledger, board.
 *
 * The manager says what has happened, in the order in which it happened; whether anybody wants to
 * know, and in which words, is decided here. */
#ifndef FERRY_RECORD_H
#define FERRY_RECORD_H

#include "record/board.h"
#include "record/ledger.h"
#include "record/stay.h"
#include "session/claims.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct record_config {
    const char *kind; /* "pid" or "thread": what a worker's id counts; borrowed, as all strings */
    int verbosity;    /* 0, 1: what clients do, 2: what the manager decides, too */
    const char *ledger, *board; /* paths; NULL: none */
    mode_t mask;                /* the umask that they get */
    size_t max_running, max_pending;
    unsigned port;
    const struct claims_pages *claims; /* borrowed */
};

struct record {
    struct record_config config;
    struct ledger ledger;
    struct board board;
    struct board_counts counts;
    struct ledger_entry *entry; /* of whose stay ends now; owned; no worker inherits it */
    int64_t began_ns;           /* io_now_ns() */
    bool short_of_workers;      /* told once, until one starts */
};

/* Opens what is written to. Returns 0; or -1, and what is wrong was said. record_close() closes. */
int record_open(struct record *record, const struct record_config *config);
void record_close(struct record *record);

/* Opens the ledger again, under the same name. */
void record_reopen(struct record *record);

/* A decision of the manager's that concerns no one client. */
void record_note(const struct record *record, const char *text);

/* Not let in, and why. */
void record_turned_away(const struct record *record, const struct stay *stay, const char *why);

/* No more can be let in at the moment, for want of what the errno `error` says. */
void record_paused(const struct record *record, int error);

/* Waits, from now on. */
void record_queued(struct record *record, const struct stay *stay);

/* So many had left while they waited; `where` they were in the way. record_left() was told of each.
 */
void record_swept(const struct record *record, const char *where, size_t count);

/* Left while it waited, which was found out when its turn came, or with others (`swept`); or was
 * sent away when the server stopped. */
void record_left(struct record *record, const struct stay *stay, bool swept);
void record_sent_away(struct record *record, const struct stay *stay);

/* Has a worker, from now on; or there was none to be had, for want of what `error` says. */
void record_started(struct record *record, const struct stay *stay);
void record_no_worker(struct record *record, int error);

/* How the parent saw a worker end. */
struct ending {
    int signal;      /* that killed it; 0: none */
    bool unconfined; /* it could not confine itself, and served nobody */
    bool told_to;    /* the server is stopping, and has asked for it */
};

/* Its worker has ended. */
void record_ended(struct record *record, const struct stay *stay, struct ending ending);

/* ---- the board ---- */

/* Is it time for another look? It is begun (false: nobody looks), all who run are shown, those who
 * wait, first in line first, until there is no room (false), and then it is written. */
bool record_is_due(const struct record *record);
bool record_begin_look(struct record *record);
void record_show_running(struct record *record, const struct stay *stay);
bool record_show_waiting(struct record *record, const struct stay *stay);
void record_end_look(struct record *record);

/* In how many milliseconds it will be time; `most_ms` where that is later, or never. */
int record_due_in(const struct record *record, int most_ms);

#endif
