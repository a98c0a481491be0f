/* running.h - the set of workers that run now; its capacity is the cap on clients. */
#ifndef FERRY_RUNNING_H
#define FERRY_RUNNING_H

#include "manager/worker.h"

#include <stdbool.h>
#include <stddef.h>

struct running {
    worker_id id;
    struct pending client; /* whom it serves; the descriptor is the worker's */
    int64_t started_ns;    /* io_now_ns() */
    uint64_t beside;       /* how many ran when it started, itself included */
    size_t slot;           /* of its report */
};

struct running_set {
    struct running *members; /* borrowed; in no order */
    size_t capacity, count;
};

/* An empty set in `members`, which has room for `capacity` of them and must outlive it. */
void running_init(struct running_set *set, struct running *members, size_t capacity);

bool running_full(const struct running_set *set);

/* How many of them serve clients from `source`. */
size_t running_from(const struct running_set *set, struct peer_address source);

/* A slot, 0 to capacity - 1, that no member has. The set must not be full. */
size_t running_free_slot(const struct running_set *set);

/* The set must not be full. */
void running_add(struct running_set *set, const struct running *member);

/* Removes the member and copies it to `removed`; false where there is none of that id. */
bool running_remove(struct running_set *set, worker_id id, struct running *removed);

#endif
