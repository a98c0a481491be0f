/* manager.h - the loop that decides who is served when. */
#ifndef FERRY_MANAGER_H
#define FERRY_MANAGER_H

#include "manager/acceptor.h"
#include "manager/pending.h"
#include "manager/running.h"
#include "record/board.h"
#include "record/ledger.h"
#include "server/options.h"

struct manager {
    const struct options *options;
    struct acceptor *acceptor;
    struct board board; /* where the next two live */
    struct pending_queue queue;
    struct running_set running;
    struct ledger ledger;
    int wake_fd;           /* readable when a worker has ended */
    int stop_fd;           /* signalfd: readable when SIGTERM or SIGINT came */
    int highest_fd;        /* see worker_start() */
    int64_t sweep_due_ms;  /* io_now_ms(): when a full queue is next looked through */
    size_t queue_share;    /* places of the queue that one source may have */
    int64_t share_due_ns;  /* io_now_ns(): when those of a source may next be looked through */
    bool ending;           /* workers that end now were told to */
    bool stopping;         /* leave the loop */
    bool accept_paused;    /* out of descriptors: try again after the next sleep */
    bool short_of_workers; /* the last fork failed: told once, until one succeeds */
};

/* Makes the descriptors, and blocks SIGTERM and SIGINT, with a ledger SIGHUP too. Call it after
 * worker_init(), whose descriptor `wake_fd` is. Borrows `options` and `acceptor`.
 * Returns 0, or -1 with errno. manager_free() frees it. */
int manager_init(struct manager *manager, const struct options *options, struct acceptor *acceptor,
                 int wake_fd);

/* Makes the queue and the set, on the board. Call it next. Returns 0, or -1 with errno. */
int manager_open_board(struct manager *manager);
void manager_free(struct manager *manager);

/* Prints `text` among the manager's decisions. */
void manager_say(const struct manager *manager, const char *text);

/* Serves until SIGTERM or SIGINT comes, then lets the running clients finish and returns. */
void manager_run(struct manager *manager);

#endif
