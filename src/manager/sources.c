/* sources.c - the sources that clients wait from, or are served from.
 *
 * Runs in: the parent. All room is made at the start; nothing is allocated for a client. */
#include "manager/sources.h"

#include "common/memory.h"

#include <sys/random.h>

int sources_init(struct sources *sources, size_t most)
{
    *sources = (struct sources){.most = most, .size = 2};
    while (sources->size < most)
        sources->size *= 2;
    if (getrandom(&sources->key, sizeof sources->key, 0) != (ssize_t)sizeof sources->key)
        return -1;
    sources->all = memory_private(most * sizeof *sources->all);
    sources->buckets = memory_private(sources->size * sizeof(struct source *));
    return sources->all != NULL && sources->buckets != NULL ? 0 : -1;
}

void sources_free(struct sources *sources)
{
    memory_free(sources->all, sources->most * sizeof *sources->all);
    memory_free(sources->buckets, sources->size * sizeof(struct source *));
    *sources = (struct sources){.all = NULL};
}

static struct source **bucket_of(const struct sources *sources, struct peer_address address)
{
    const uint64_t odd = 0x9e3779b97f4a7c15U; /* 2^64 by the golden ratio: Knuth's hash */
    uint64_t half[2];

    memcpy(half, address.bytes, sizeof half);
    uint64_t hash = (half[0] ^ sources->key) * odd;
    hash = (hash ^ hash >> 32 ^ half[1]) * odd;
    hash = (hash ^ hash >> 32 ^ sources->key) * odd;
    return &sources->buckets[(size_t)(hash >> 32) & (sources->size - 1)];
}

struct source *sources_find(const struct sources *sources, struct peer_address address)
{
    struct source *source = *bucket_of(sources, address);

    while (source != NULL && !peer_address_equal(source->address, address))
        source = source->next;
    return source;
}

struct source *sources_get(struct sources *sources, struct peer_address address)
{
    struct source *source = sources_find(sources, address);
    struct source **bucket = bucket_of(sources, address);

    if (source != NULL)
        return source;
    source = sources->free;
    if (source != NULL)
        sources->free = source->next;
    else
        source = &sources->all[sources->used++];
    *source = (struct source){.address = address, .next = *bucket};
    *bucket = source;
    return source;
}

void sources_forget(struct sources *sources, struct source *source)
{
    struct source **link = bucket_of(sources, source->address);

    while (*link != source)
        link = &(*link)->next;
    *link = source->next;
    source->next = sources->free;
    sources->free = source;
}
