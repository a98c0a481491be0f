/* sources.h - the sources that clients wait from, or are served from: who one client is, is
 * peer_source()'s. */
#ifndef FERRY_SOURCES_H
#define FERRY_SOURCES_H

#include "common/peer.h"

#include <stddef.h>
#include <stdint.h>

/* Some records of the queue, in order of arrival; NULL, NULL: none. */
struct line {
    struct place *first, *last;
};

struct source {
    struct peer_address address;
    size_t waiting, running; /* its clients; neither: it is to be forgotten */
    struct line line;        /* those that wait */
    uint64_t turn;           /* its first's: the lower, the sooner */
    size_t rank;             /* turns.c's */
    struct source *next;     /* in its bucket, or among those that are free */
};

/* A hash table. To find a source takes a few steps, however many there are. */
struct sources {
    struct source *all;      /* owned */
    struct source **buckets; /* owned; the size is a power of two */
    size_t most, size;
    size_t used;         /* of `all`: those behind have never been a source */
    struct source *free; /* of those before */
    uint64_t key;        /* so that nobody can choose addresses that all fall into one bucket */
};

/* Makes room for `most` sources at once. Children do not inherit it. Returns 0, or -1 with errno;
 * then, too, sources_free() frees it. */
int sources_init(struct sources *sources, size_t most);
void sources_free(struct sources *sources);

/* The source with this address, or NULL. It stays where it is until it is forgotten. */
struct source *sources_find(const struct sources *sources, struct peer_address address);

/* The same, but one that is not known yet is made, with no clients. There must be room. */
struct source *sources_get(struct sources *sources, struct peer_address address);

void sources_forget(struct sources *sources, struct source *source);

#endif
