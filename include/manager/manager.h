/* manager.h - the loop that decides who is served when. */
#ifndef FERRY_MANAGER_H
#define FERRY_MANAGER_H

#include "common/admission.h"
#include "manager/acceptor.h"
#include "manager/pending.h"
#include "manager/running.h"
#include "record/record.h"

/* What the manager is to see to. */
struct policy {
    size_t max_running;       /* clients served at once */
    size_t max_pending;       /* clients that wait at most */
    size_t per_source;        /* clients served at once of one source; 0: no limit */
    int grace_ms;             /* on a stop, for those who run */
    bool tick_only;           /* look at workers and clients once a second only */
    struct admission allowed; /* who may be a client at all */
};

struct manager {
    const struct policy *policy;
    struct acceptor *acceptor;
    struct record *record;
    struct pending_queue queue;
    struct running_set running;
    int stop_fd;          /* signalfd: readable when SIGTERM, SIGINT or SIGHUP came */
    int wake_fd;          /* readable when a worker has ended */
    int highest_fd;       /* see worker_start() */
    size_t next_listener; /* whose turn it is to have a client taken in before the others */
    int64_t sweep_due_ms; /* io_now_ms(): when a full queue is next looked through */
    int64_t reap_by_ms;   /* io_now_ms(): when workers are looked at in any case */
    bool reap_due;        /* a worker has ended */
    bool stopping;        /* leave the loop */
    bool ending;          /* workers that end now were told to */
    bool accept_paused;   /* out of descriptors: try again after the next sleep */
};

/* Makes the queue and the set, and shows that there is nobody yet. Borrows all that it is given;
 * `stop_fd` is a signalfd for the signals that stop the server (SIGHUP reopens the ledger),
 * `wake_fd` worker_init()'s. Returns 0, or -1 with errno. manager_free() frees it. */
int manager_init(struct manager *manager, const struct policy *policy, struct acceptor *acceptor,
                 struct record *record, int stop_fd, int wake_fd);
void manager_free(struct manager *manager);

/* Serves until SIGTERM or SIGINT comes, then lets the running clients finish and returns. */
void manager_run(struct manager *manager);

#endif
