/* entries.h - the names in a directory, in order, in memory that is bounded. */
#ifndef FERRY_HTTP_ENTRIES_H
#define FERRY_HTTP_ENTRIES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As many names as fit are kept in order; when they are used up, the directory is read again, for
 * those that come after. So a directory of any size can be listed, and one that fits is read
 * once. */
struct entries {
    int dir_fd;              /* borrowed; open for reading */
    unsigned char *block;    /* what getdents64(2) fills; the beginning of the caller's memory */
    char *names;             /* what follows: it fills with names from its end down, */
    uint32_t *places;        /* and from its beginning up with where they are */
    size_t room;             /* bytes, of both */
    size_t lowest;           /* where the lowest name begins */
    size_t kept;             /* bytes of names and places that are kept */
    size_t count;            /* of names, of which those up to */
    size_t next;             /* have been given out */
    bool more;               /* there are names after those that are kept */
    char most[NAME_MAX + 1]; /* where there are: what is greater than this is not kept */
    char last[NAME_MAX + 1]; /* the last name that was given out; "": none yet */
};

/* `memory`, borrowed until the last call, has 64 KiB at least, for a call of getdents64(2) and some
 * names, aligned as for malloc(3). There is nothing to close. */
void entries_init(struct entries *entries, int dir_fd, unsigned char *memory, size_t bytes);

/* The next name in order of its bytes, without ".", "..", temporary ones and those that are longer
 * than a name can be. Each comes once; one that appears or vanishes meanwhile may come, or not. It
 * is valid up to the next call. Returns 1 and sets *name; 0 when there is no more; -1 with errno of
 * getdents64(2) or lseek(2), after which nothing comes. */
int entries_next(struct entries *entries, const char **name);

#endif
