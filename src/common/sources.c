/* sources.c - how many clients there are of each source.
 *
 * Runs in: the parent. */
#include "common/sources.h"

#include "common/memory.h"

#include <sys/random.h>

int sources_init(struct sources *sources, size_t most)
{
    size_t size = 2;
    uint64_t key;

    *sources = (struct sources){.table = NULL};
    while (size < 2 * most)
        size *= 2;
    if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key)
        return -1;
    void *table = memory_private(size * sizeof *sources->table);
    if (table == NULL)
        return -1;
    *sources = (struct sources){table, size, key};
    return 0;
}

void sources_free(struct sources *sources)
{
    memory_free(sources->table, sources->size * sizeof *sources->table);
    *sources = (struct sources){.table = NULL};
}

static size_t home_of(const struct sources *sources, struct peer_address source)
{
    const uint64_t odd = 0x9e3779b97f4a7c15U; /* 2^64 by the golden ratio: Knuth's hash */
    uint64_t half[2];

    memcpy(half, source.bytes, sizeof half);
    uint64_t hash = (half[0] ^ sources->key) * odd;
    hash = (hash ^ hash >> 32 ^ half[1]) * odd;
    hash = (hash ^ hash >> 32 ^ sources->key) * odd;
    return (size_t)(hash >> 32) & (sources->size - 1);
}

static size_t after(const struct sources *sources, size_t at)
{
    return (at + 1) & (sources->size - 1);
}

/* The place that `source` has, or the free one that it would get. */
static size_t find(const struct sources *sources, struct peer_address source)
{
    size_t at = home_of(sources, source);

    while (sources->table[at].clients > 0 && !peer_address_equal(sources->table[at].source, source))
        at = after(sources, at);
    return at;
}

void sources_add(struct sources *sources, struct peer_address source)
{
    if (sources->table == NULL)
        return;
    struct source_count *found = &sources->table[find(sources, source)];
    found->source = source;
    found->clients++;
}

/* Takes a source out and moves up those behind it, which were looked for past its place. */
static void vacate(struct sources *sources, size_t hole)
{
    for (size_t at = after(sources, hole); sources->table[at].clients > 0;
         at = after(sources, at)) {
        size_t home = home_of(sources, sources->table[at].source);
        size_t mask = sources->size - 1;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* from its home on, it is not looked for at the hole */
        sources->table[hole] = sources->table[at];
        hole = at;
    }
    sources->table[hole].clients = 0;
}

void sources_drop(struct sources *sources, struct peer_address source)
{
    if (sources->table == NULL)
        return;
    size_t at = find(sources, source);
    if (sources->table[at].clients > 1)
        sources->table[at].clients--;
    else if (sources->table[at].clients == 1)
        vacate(sources, at);
}

size_t sources_count(const struct sources *sources, struct peer_address source)
{
    return sources->table == NULL ? 0 : sources->table[find(sources, source)].clients;
}
