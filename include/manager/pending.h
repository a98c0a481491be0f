/* pending.h - the clients that wait for their turn: a bounded first-in first-out queue. */
#ifndef FERRY_PENDING_H
#define FERRY_PENDING_H

#include "common/sources.h"
#include "record/stay.h"
#include "session/service.h"

#include <stdbool.h>
#include <stddef.h>

/* One accepted connection that nobody serves yet. The record owns the descriptor until
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
    struct sources sources; /* those of its clients, where somebody wants to know; else empty */
};

/* An empty queue with room for `capacity` records, in memory that no worker inherits; with
 * `count_sources` it counts its clients by their sources. Returns 0, or -1 with errno; then, too,
 * pending_free() frees it. */
int pending_init(struct pending_queue *queue, size_t capacity, bool count_sources);
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

/* How many of those who wait are of this source; 0 where the queue does not count them. */
size_t pending_from(const struct pending_queue *queue, struct peer_address source);

/* Forgets those that have left, of `source` alone where that is not NULL, after `on_left` was
 * called for each, which closes it; the others keep their order. Returns how many. */
size_t pending_sweep(struct pending_queue *queue, const struct peer_address *source,
                     void (*on_left)(void *arg, const struct pending *client), void *arg);

#endif
