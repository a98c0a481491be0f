/* board.h - one piece of memory that says who runs, who waits, and what each worker does.
 *
 * The manager keeps its queue and its set there, and each worker its report. A worker keeps the
 * pages of one report, its own, and unmaps the rest before it reads a byte. With --board the
 * manager copies what is in use to a file, for ferrytop, now and then. The server does not map that
 * file, and never reads it: whoever cuts it short or writes to it disturbs those who look, nobody
 * else. */
#ifndef FERRY_BOARD_H
#define FERRY_BOARD_H

#include "manager/pending.h"
#include "manager/running.h"
#include "session/claims.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOARD_MAGIC "ferry-board-3"

enum { BOARD_WAITING_MAX = 2000 }; /* of those who wait, the file has the first */

struct board_header {
    char magic[16];
    uint64_t bytes;       /* of the whole */
    uint64_t report_size; /* of struct report, and so on: a ferrytop of another build must notice */
    uint64_t running_size, pending_size;
    uint64_t max_running, max_pending;
    uint64_t reports_at, members_at, ring_at; /* offsets, bytes */
    uint64_t report_distance;                 /* from one to the next: whole pages, bytes */
    int64_t began_ns, began_wall_ns;
    uint32_t pid, port;
    char kind[16]; /* worker_kind */

    /* In the file, odd while the manager writes the rest of what changes. */
    uint64_t sequence;
    int64_t written_ns; /* io_now_ns() */
    uint64_t running_count, queue_head, queue_count;
    uint64_t accepted;        /* clients so far */
    uint64_t ended[OUTCOMES]; /* clients so far, by how */
    uint64_t bytes_moved;     /* by those that have ended */
};

struct board {
    struct board_header *header; /* the start of the mapping, owned */
    unsigned char *reports;
    size_t report_distance;
    size_t bytes;
    const char *path;   /* of the file, borrowed; NULL: there is none */
    int fd;             /* of the file, owned; -1 */
    int64_t written_ms; /* io_now_ms(), when that was tried last */
    bool failing;       /* and had no success */
    bool changed;       /* set by whoever changes the queue, the set or the header */
};

/* Makes the board, and the file `path`, which may be NULL and is not written yet. Sets up the queue
 * and the set. Returns 0, or -1 with errno; then, too, board_free() frees it. It leaves the file.
 */
int board_init(struct board *board, const char *path, struct running_set *running,
               struct pending_queue *queue, size_t max_running, size_t max_pending);
void board_free(struct board *board);

/* The report of a slot, 0 to max_running - 1. */
struct report *board_report(const struct board *board, size_t slot);

/* Writes the file, if there is one. Where that fails it says so once, until it succeeds. */
void board_write(struct board *board, const struct running_set *running,
                 const struct pending_queue *queue);

/* Writes it if it is due: soon after a change, and now and then while somebody runs. Returns after
 * how many milliseconds it will be due, `most_ms` where that is later or never. */
int board_keep_up(struct board *board, const struct running_set *running,
                  const struct pending_queue *queue, int most_ms);

/* In a worker process: unmaps all but the report of `slot`. Returns 0; or -1 with errno, and then
 * the process may still reach what others wrote, and must not go on. */
int board_keep_only(const struct board *board, size_t slot);

#endif
