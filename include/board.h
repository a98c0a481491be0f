/* board.h - one piece of memory that says who runs, who waits, and what each worker does.
 *
 * The manager keeps its queue and its set there, and each worker its report, so that nothing has
 * to be copied for others to see it. With --board it is a file, which ferrytop maps read-only. A
 * worker keeps the pages of one report, its own, and unmaps the rest before it reads a byte. */
#ifndef FERRY_BOARD_H
#define FERRY_BOARD_H

#include "pending.h"
#include "report.h"
#include "running.h"

#include <stddef.h>
#include <stdint.h>

#define BOARD_MAGIC "ferry-board-2"

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

    /* Odd while the manager changes what follows, the members or the ring. */
    uint64_t sequence;
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
};

/* Makes the board: anonymous memory, or the file `path`. Sets up the queue and the set in it.
 * Returns 0, or -1 with errno. board_free() unmaps it and leaves the file as it is. */
int board_init(struct board *board, const char *path, struct running_set *running,
               struct pending_queue *queue, size_t max_running, size_t max_pending);
void board_free(struct board *board);

/* The report of a slot, 0 to max_running - 1. */
struct report *board_report(const struct board *board, size_t slot);

/* Around every change of the queue or the set. */
void board_begin_change(struct board *board);
void board_end_change(struct board *board, const struct running_set *running,
                      const struct pending_queue *queue);

/* In a worker process: unmaps all but the report of `slot`. Returns 0; or -1 with errno, and then
 * the process may still reach what others wrote, and must not go on. */
int board_keep_only(const struct board *board, size_t slot);

#endif
