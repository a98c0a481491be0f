/* entries.c - the names in a directory, in order, in memory that is bounded.
 *
 * Runs in: the worker; no state but the caller's. readdir(3) and qsort(3) ask for memory, of which
 * a worker gets none.
 *
 * One look at the directory keeps the least of the names that come after the last one given out, as
 * many as fit. Where they do not all fit, the greatest go, an eighth of the room at a time: each
 * look still yields seven eighths of it, and a look at n names takes some n log n steps whatever
 * their order is. */
#include "session/http/entries.h"

#include "common/staged.h"

#include <dirent.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BLOCK_BYTES = 32 * 1024, EVICTED_PART = 8 };

/* Where sizes of files have 64 bits, libc's record of an entry is the kernel's. */
_Static_assert(offsetof(struct dirent, d_reclen) == 16 && offsetof(struct dirent, d_name) == 19,
               "getdents64(2) writes a struct dirent");

void entries_init(struct entries *entries, int dir_fd, unsigned char *memory, size_t bytes)
{
    entries->dir_fd = dir_fd;
    entries->block = memory;
    entries->names = (char *)memory + BLOCK_BYTES;
    entries->places = (void *)entries->names;
    entries->room = bytes - BLOCK_BYTES;
    entries->count = entries->next = 0;
    entries->more = true;
    entries->last[0] = '\0';
}

/* ---- a heap of places: the one that comes last, in either order, is at its top ---- */

static const char *name_at(const struct entries *entries, size_t at)
{
    return entries->names + entries->places[at];
}

static bool by_name(const struct entries *entries, size_t one, size_t other)
{
    return strcmp(name_at(entries, one), name_at(entries, other)) < 0;
}

static bool by_place(const struct entries *entries, size_t one, size_t other)
{
    return entries->places[one] < entries->places[other];
}

static void swap(struct entries *entries, size_t one, size_t other)
{
    uint32_t place = entries->places[one];
    entries->places[one] = entries->places[other];
    entries->places[other] = place;
}

/* Lets what is at `at` sink to where it belongs among the first `count`. */
static void sink(struct entries *entries, size_t at, size_t count,
                 bool (*less)(const struct entries *, size_t, size_t))
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && less(entries, child, child + 1))
            child++;
        if (!less(entries, at, child))
            return;
        swap(entries, at, child);
        at = child;
    }
}

static void make_heap(struct entries *entries, bool (*less)(const struct entries *, size_t, size_t))
{
    for (size_t at = entries->count / 2; at > 0;)
        sink(entries, --at, entries->count, less);
}

static void sort(struct entries *entries, bool (*less)(const struct entries *, size_t, size_t))
{
    make_heap(entries, less);
    for (size_t count = entries->count; count > 1;) {
        swap(entries, 0, --count);
        sink(entries, 0, count, less);
    }
}

/* ---- what is kept ---- */

static size_t need_of(size_t name_len)
{
    return name_len + 1 + sizeof(uint32_t);
}

/* Moves the names together, at the end of the room, from the highest on. */
static void close_gaps(struct entries *entries)
{
    sort(entries, by_place);
    entries->lowest = entries->room;
    for (size_t at = entries->count; at > 0;) {
        const char *name = name_at(entries, --at);
        size_t bytes = strlen(name) + 1;
        entries->lowest -= bytes;
        memmove(entries->names + entries->lowest, name, bytes);
        entries->places[at] = (uint32_t)entries->lowest;
    }
}

/* Lets go of the greatest names. */
static void make_room(struct entries *entries)
{
    const size_t most = entries->room - entries->room / EVICTED_PART;

    make_heap(entries, by_name);
    while (entries->kept > most) {
        entries->kept -= need_of(strlen(name_at(entries, 0)));
        swap(entries, 0, --entries->count);
        sink(entries, 0, entries->count, by_name);
    }
    memcpy(entries->most, name_at(entries, 0), strlen(name_at(entries, 0)) + 1);
    entries->more = true;
    close_gaps(entries);
}

static bool is_wanted(const struct entries *entries, const char *name)
{
    return strcmp(name, entries->last) > 0 && (!entries->more || strcmp(name, entries->most) < 0) &&
           !(name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) &&
           !staged_is_temp_name(name);
}

static void consider(struct entries *entries, const char *name)
{
    size_t len = strlen(name);

    if (len > NAME_MAX || !is_wanted(entries, name))
        return;
    if (entries->lowest - entries->count * sizeof(uint32_t) < need_of(len)) {
        make_room(entries);
        if (!is_wanted(entries, name))
            return;
    }
    entries->lowest -= len + 1;
    memcpy(entries->names + entries->lowest, name, len + 1);
    entries->places[entries->count++] = (uint32_t)entries->lowest;
    entries->kept += need_of(len);
}

/* Reads the directory from its beginning. Returns 0, or -1 with errno. */
static int look(struct entries *entries)
{
    entries->count = entries->next = entries->kept = 0;
    entries->lowest = entries->room;
    entries->more = false;
    if (lseek(entries->dir_fd, 0, SEEK_SET) < 0)
        return -1;
    for (;;) {
        long got = syscall(SYS_getdents64, entries->dir_fd, entries->block, BLOCK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            sort(entries, by_name);
            return (int)got;
        }
        for (long at = 0; at < got;) {
            const struct dirent *entry = (const void *)(entries->block + at);
            consider(entries, entry->d_name);
            at += entry->d_reclen;
        }
    }
}

int entries_next(struct entries *entries, const char **name)
{
    for (;;) {
        while (entries->next < entries->count) {
            *name = name_at(entries, entries->next++);
            /* A directory that changes may tell of a name twice (readdir(3p)). */
            if (strcmp(*name, entries->last) == 0)
                continue;
            memcpy(entries->last, *name, strlen(*name) + 1);
            return 1;
        }
        if (!entries->more)
            return 0;
        if (look(entries) < 0) {
            entries->count = 0;
            entries->more = false;
            return -1;
        }
    }
}
