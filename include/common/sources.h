/* sources.h - how many clients there are of each source: who one client is, is peer_source()'s. */
#ifndef FERRY_SOURCES_H
#define FERRY_SOURCES_H

#include "common/peer.h"

#include <stddef.h>
#include <stdint.h>

struct source_count {
    struct peer_address source;
    uint32_t clients; /* 0: a free place */
};

/* A hash table with open addressing, at most half full; each call takes a few steps. */
struct sources {
    struct source_count *table; /* owned; NULL: nothing is counted */
    size_t size;                /* a power of two */
    uint64_t key;               /* so that nobody can choose addresses that all fall on one place */
};

/* Makes room for `most` sources at once. Children do not inherit it. Returns 0, or -1 with errno.
 * sources_free() frees it. */
int sources_init(struct sources *sources, size_t most);
void sources_free(struct sources *sources);

/* One more client of `source`, and one less. Where nothing is counted, they do nothing. */
void sources_add(struct sources *sources, struct peer_address source);
void sources_drop(struct sources *sources, struct peer_address source);

/* How many there are; 0 where nothing is counted. */
size_t sources_count(const struct sources *sources, struct peer_address source);

#endif
