/* running.c - the set of workers that run now; its capacity is the cap on clients.
 *
 * Runs in: the parent. The members live on the board (board.h); nothing is allocated. */
#include "manager/running.h"

void running_init(struct running_set *set, struct running *members, size_t capacity)
{
    *set = (struct running_set){.members = members, .capacity = capacity};
    for (size_t i = 0; i < capacity; i++)
        members[i].slot = i;
}

bool running_full(const struct running_set *set)
{
    return set->count >= set->capacity;
}

size_t running_from(const struct running_set *set, struct peer_address source)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += peer_address_equal(set->members[i].client.source, source);
    return count;
}

/* The slots of the members behind the last one are those that nobody has: running_init() gave each
 * place a slot, and adding and removing only ever exchange them. */
size_t running_free_slot(const struct running_set *set)
{
    return set->members[set->count].slot;
}

void running_add(struct running_set *set, const struct running *member)
{
    set->members[set->count++] = *member;
}

bool running_remove(struct running_set *set, worker_id id, struct running *removed)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->members[i].id != id)
            continue;
        *removed = set->members[i];
        set->members[i] = set->members[--set->count]; /* a set keeps no order */
        set->members[set->count].slot = removed->slot;
        return true;
    }
    return false;
}
