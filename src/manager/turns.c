/* turns.c - the sources that may have one more client served; the one whose turn it is, first.
 *
 * Runs in: the parent. All room is made at the start; nothing is allocated for a client. */
#include "manager/turns.h"

#include "common/memory.h"

/* There is no rank 0: it is that of who is not in the heap. */
int turns_init(struct turns *turns, size_t most)
{
    *turns =
        (struct turns){.heap = memory_private((most + 1) * sizeof(struct source *)), .most = most};
    return turns->heap != NULL ? 0 : -1;
}

void turns_free(struct turns *turns)
{
    memory_free(turns->heap, (turns->most + 1) * sizeof(struct source *));
    *turns = (struct turns){.heap = NULL};
}

struct source *turns_first(const struct turns *turns)
{
    return turns->count > 0 ? turns->heap[1] : NULL;
}

static bool is_before(const struct source *a, const struct source *b)
{
    return a->turn < b->turn;
}

static void put(struct turns *turns, struct source *source, size_t rank)
{
    turns->heap[rank] = source;
    source->rank = rank;
}

static void move_up(struct turns *turns, struct source *source)
{
    size_t rank = source->rank;

    for (; rank > 1 && is_before(source, turns->heap[rank / 2]); rank /= 2)
        put(turns, turns->heap[rank / 2], rank);
    put(turns, source, rank);
}

static void move_down(struct turns *turns, struct source *source)
{
    size_t rank = source->rank, next;

    for (; (next = 2 * rank) <= turns->count; rank = next) {
        if (next < turns->count && is_before(turns->heap[next + 1], turns->heap[next]))
            next++;
        if (!is_before(turns->heap[next], source))
            break;
        put(turns, turns->heap[next], rank);
    }
    put(turns, source, rank);
}

/* The last one gets the place that comes free, and goes on from there. */
static void take_out(struct turns *turns, struct source *source)
{
    struct source *last = turns->heap[turns->count--];

    if (last != source) {
        put(turns, last, source->rank);
        move_up(turns, last);
        move_down(turns, last);
    }
    source->rank = 0;
}

void turns_settle(struct turns *turns, struct source *source, bool may)
{
    if (!may) {
        if (source->rank > 0)
            take_out(turns, source);
        return;
    }
    if (source->rank == 0)
        put(turns, source, ++turns->count);
    move_up(turns, source);
    move_down(turns, source);
}
