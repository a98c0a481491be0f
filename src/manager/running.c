/* running.c - the set of workers that run now; its capacity is the cap on clients.
 *
 * Runs in: the parent. All room is made at the start; nothing is allocated for a client. */
#include "manager/running.h"

#include "common/memory.h"

int running_init(struct running_set *set, size_t capacity)
{
    *set = (struct running_set){.members = memory_private(capacity * sizeof *set->members),
                                .capacity = capacity};
    if (set->members == NULL)
        return -1;
    /* Those at either end first: a worker with such a slot lets go of the claims of others by one
     * call, and any other by two. */
    for (size_t i = 0; i < capacity; i++)
        set->members[i].stay.slot = i % 2 == 0 ? i / 2 : capacity - 1 - i / 2;
    return 0;
}

void running_free(struct running_set *set)
{
    memory_free(set->members, set->capacity * sizeof *set->members);
    set->members = NULL;
}

bool running_full(const struct running_set *set)
{
    return set->count >= set->capacity;
}

/* The slots of the members behind the last one are those that nobody has: running_init() gave each
 * place a slot, and adding and removing only ever exchange them. */
size_t running_free_slot(const struct running_set *set)
{
    return set->members[set->count].stay.slot;
}

void running_add(struct running_set *set, const struct pending *client)
{
    set->members[set->count++] = *client;
}

bool running_remove(struct running_set *set, worker_id id, struct pending *removed)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->members[i].stay.worker != id)
            continue;
        *removed = set->members[i];
        set->members[i] = set->members[--set->count]; /* a set keeps no order */
        set->members[set->count].stay.slot = removed->stay.slot;
        return true;
    }
    return false;
}
