/* pending.h - the clients that wait for their turn: a bounded first-in first-out queue. */
#ifndef FERRY_PENDING_H
#define FERRY_PENDING_H

#include "common/sources.h"
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

struct pending_queue {
    struct pending *ring; /* owned; the oldest is ring[head] */
    size_t capacity, head, count;
    size_t share;           /* places that one source may have; 0: all of them */
    struct sources sources; /* those of its clients, where there are shares; else empty */
    int64_t sweep_due_ns;   /* io_now_ns(): when those of a source may next be looked through */
};

/* An empty queue with room for `capacity` records, `share` of them (0: all) for one source, in
 * memory that no worker inherits. Returns 0, or -1 with errno; then, too, pending_free() frees it.
 */
int pending_init(struct pending_queue *queue, size_t capacity, size_t share);
void pending_free(struct pending_queue *queue);

bool pending_empty(const struct pending_queue *queue);
bool pending_full(const struct pending_queue *queue);

/* Adds at the tail. The queue must not be full. */
void pending_push(struct pending_queue *queue, const struct pending *client);

/* The record that is `place` places from the oldest, 0 to count - 1. The pointer holds until the
 * queue changes. */
struct pending *pending_at(const struct pending_queue *queue, size_t place);

/* Forgets that record; the others keep their order. */
void pending_remove(struct pending_queue *queue, size_t place);

/* Has this client left while it waited? Data it sent before it half-closed still wants an answer;
 * a connection that ends without any wants none. */
bool pending_has_left(const struct pending *client);

/* Has this source as many places as it may have? */
bool pending_over_share(const struct pending_queue *queue, struct peer_address source);

/* Forgets those that have left, after `on_left` was called for each, which closes it; the others
 * keep their order. Returns how many. To look takes a system call for each who waits. */
size_t pending_sweep(struct pending_queue *queue,
                     void (*on_left)(void *arg, const struct pending *client), void *arg);

/* The same, for those of one source; but it takes a tenth of our time at most, and is not done
 * before that is so: whoever knocks without end gets no more of it. */
size_t pending_sweep_source(struct pending_queue *queue, struct peer_address source,
                            void (*on_left)(void *arg, const struct pending *client), void *arg);

#endif
