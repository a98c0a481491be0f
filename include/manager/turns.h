/* turns.h - the sources that may have one more client served; the one whose turn it is, first. */
#ifndef FERRY_TURNS_H
#define FERRY_TURNS_H

#include "manager/sources.h"

#include <stdbool.h>

/* A heap: each comes before the two at twice its rank and one more. So to say which one is first
 * takes no search, and what else is done here at most one step for each doubling of their number
 * (14 for 10,000), whatever clients do. */
struct turns {
    struct source **heap; /* owned; 1 to count, by their rank */
    size_t most, count;
};

/* Makes room for `most` sources at once. Children do not inherit it. Returns 0, or -1 with errno.
 * turns_free() frees it. */
int turns_init(struct turns *turns, size_t most);
void turns_free(struct turns *turns);

/* The one with the lowest turn, or NULL where there is none. */
struct source *turns_first(const struct turns *turns);

/* Takes the source in, or out, or moves it to where it belongs: to be called when it is another
 * turn's, or when it has come to be one that `may` have a client served, or no longer is. */
void turns_settle(struct turns *turns, struct source *source, bool may);

#endif
