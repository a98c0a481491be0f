/* pending.h - the clients that wait for their turn: a bounded first-in first-out queue. */
#ifndef FERRY_PENDING_H
#define FERRY_PENDING_H

#include "common/peer.h"
#include "common/sources.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One accepted connection that nobody serves yet. The record owns the descriptor until
 * worker_start() or pending_close_all() takes it. */
struct pending {
    int fd;
    union peer peer;
    struct peer_address source; /* peer_source() */
    uint64_t serial;            /* 1 for the first client accepted, then 2, ... */
    int64_t accepted_ns;        /* io_now_ns() */
    int64_t accepted_wall_ns;   /* io_wall_ns(), at the same moment */
    uint64_t place;             /* how many waited before it when it came */
};

struct pending_queue {
    struct pending *ring; /* borrowed; the oldest is ring[head] */
    size_t capacity, head, count;
    struct sources sources; /* those of its clients, where somebody wants to know; else empty */
};

/* An empty queue in `ring`, which has room for `capacity` records and must outlive it. */
void pending_init(struct pending_queue *queue, struct pending *ring, size_t capacity);

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
