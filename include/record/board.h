/* board.h - a look at who runs and who waits, kept in a file for ferrytop (--board).
 *
 * A look is made in memory of our own and then copied to the file, between two increments of a
 * number: who reads an odd one, or not the same one before and after, has read while it was
 * written, and reads again. The server does not map that file, and never reads it: whoever cuts it
 * short or writes to it disturbs those who look, nobody else. */
#ifndef FERRY_BOARD_H
#define FERRY_BOARD_H

#include "record/stay.h"
#include "session/claims.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BOARD_MAGIC "ferry-board-5"

enum { BOARD_WAITING_MAX = 500 }; /* of those who wait, a look has the first */

struct board_counts {
    uint64_t running, waiting;
    uint64_t accepted;        /* clients so far */
    uint64_t ended[OUTCOMES]; /* clients so far, by how */
    uint64_t bytes_moved;     /* by those that have ended */
};

struct board_client {
    struct stay stay;
    struct claims claims; /* from claims_read() */
};

/* The file: this, those who run (counts.running times struct board_client), and the first of those
 * who wait (waiting_shown times struct stay). */
struct board_header {
    char magic[16];
    uint64_t bytes;                  /* of the whole, where all places are taken */
    uint64_t client_size, stay_size; /* a ferrytop of another build must notice */
    uint64_t max_running, max_pending;
    int64_t began_ns; /* io_now_ns() */
    uint32_t pid, port;
    char kind[16]; /* "pid" or "thread" */

    uint64_t sequence;  /* odd while the rest is written */
    int64_t written_ns; /* io_now_ns() */
    uint64_t waiting_shown;
    struct board_counts counts;
};

struct board {
    const char *path;    /* borrowed; NULL: there is none */
    int fd;              /* owned; -1 */
    unsigned char *look; /* what comes into the file next; owned */
    size_t bytes, len;   /* its room, and what is in it */
    int64_t written_ms;  /* io_now_ms(), when that was tried last */
    bool failing;        /* and had no success */
    bool changed;        /* set by whoever knows of something new */
};

/* Makes the file `path`, which may be NULL, `of` a server: its max_running, max_pending, began_ns,
 * port and kind. It is not written yet. Returns 0, or -1 with errno. board_close() closes it, and
 * leaves it. */
int board_open(struct board *board, const char *path, mode_t mode, const struct board_header *of);
void board_close(struct board *board);

/* Begins a look (false: there is no board, and nothing to follow); adds to it, at most max_running
 * who run and then those who wait (false: there is no more room for them); and writes it. Where
 * that fails it says so once, until it succeeds. */
bool board_begin(struct board *board, const struct board_counts *counts);
void board_add_running(struct board *board, const struct stay *stay, const struct claims *shared);
bool board_add_waiting(struct board *board, const struct stay *stay);
void board_write(struct board *board);

/* In how many milliseconds it is to be written: soon after a change, now and then while `somebody`
 * runs; `most_ms` where that is later or never. */
int board_due_in(const struct board *board, bool somebody, int most_ms);

#endif
