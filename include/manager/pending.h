/* pending.h - the clients that wait for their turn: a bounded first-in first-out queue. */
#ifndef FERRY_PENDING_H
#define FERRY_PENDING_H

#include "manager/sources.h"
#include "manager/turns.h"
#include "record/stay.h"
#include "session/service.h"

#include <stdbool.h>
#include <stddef.h>

/* One accepted connection that nobody serves yet; in the running set, one that has a worker and no
 * descriptor any more. The record owns the descriptor until
 * worker_start() or whoever dismisses the client takes it. */
struct pending {
    int fd;
    const struct service *service; /* what it came for; borrowed */
    struct peer_address source;    /* peer_source() of the client; from its admission on */
    struct stay stay;
};

struct pending_limits {
    size_t waiting, running;  /* clients */
    size_t waiting_of_source; /* of those, from one source; 0: all */
    size_t running_of_source; /* likewise; 0: all clients count as one source's */
};

/* Whoever waits stands in two lines, everybody's and its source's. Of the sources that may have one
 * more client served, the one whose first client came first is kept at hand (turns.h). So those who
 * are passed over are not looked at, however many they are and however often others come and go.
 * Every call takes the same few steps, and where it changes the queue at most one or two more for
 * each doubling of the number of sources. Only the sweeps look at each of those they are for. */
struct pending_queue {
    struct pending_limits limits;
    struct place *places; /* owned: a record each, and who is before and behind it */
    size_t used;          /* of them: those behind have never had a record */
    struct place *free;   /* of those before */
    size_t count;
    uint64_t next_turn;
    struct line line;       /* everybody */
    struct sources sources; /* from which somebody waits or runs */
    struct source everyone; /* the only one, where all count as one source's */
    struct turns turns;     /* those from which somebody waits who may run */
    int64_t sweep_due_ns;   /* io_now_ns(): when those of a source may next be looked through */
};

/* An empty queue, in memory that no worker inherits. Returns 0, or -1 with errno; then, too,
 * pending_free() frees it. */
int pending_init(struct pending_queue *queue, const struct pending_limits *limits);
void pending_free(struct pending_queue *queue);

bool pending_empty(const struct pending_queue *queue);
bool pending_full(const struct pending_queue *queue);

/* Adds at the tail. The queue must not be full. */
void pending_push(struct pending_queue *queue, const struct pending *client);

/* The oldest record, and the one that came after `client`; NULL where there is none. A record stays
 * where it is until it is forgotten. */
struct pending *pending_first(const struct pending_queue *queue);
struct pending *pending_after(const struct pending *client);

/* The oldest of those whose source has not got its share of workers; NULL where there is none. */
struct pending *pending_choose(const struct pending_queue *queue);

/* Forgets the record; the others keep their order. */
void pending_remove(struct pending_queue *queue, struct pending *client);

/* The same, because it has got a worker, which counts for its source until pending_ended() says
 * that it has ended. */
void pending_started(struct pending_queue *queue, struct pending *client);
void pending_ended(struct pending_queue *queue, struct peer_address address);

/* Has this client left while it waited? Data it sent before it half-closed still wants an answer;
 * a connection that ends without any wants none. */
bool pending_has_left(const struct pending *client);

/* Has this source as many places as it may have? */
bool pending_over_share(struct pending_queue *queue, struct peer_address address);

/* Forgets those that have left, after `on_left` was called for each, which closes it; the others
 * keep their order. Returns how many. To look takes a system call for each who waits. */
size_t pending_sweep(struct pending_queue *queue,
                     void (*on_left)(void *arg, const struct pending *client), void *arg);

/* The same, for those of one source; but it takes a tenth of our time at most, and is not done
 * before that is so: whoever knocks without end gets no more of it. */
size_t pending_sweep_source(struct pending_queue *queue, struct peer_address address,
                            void (*on_left)(void *arg, const struct pending *client), void *arg);

#endif
