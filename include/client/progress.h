/* progress.h - how far a transfer is, on a terminal. */
#ifndef FERRY_PROGRESS_H
#define FERRY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on; /* false: every call does nothing */
    uint64_t size, moved;
    int64_t began_ms, shown_ms;
    int64_t moved_ms; /* when a byte last moved, or the transfer began; kept whether `on` or not */
};

/* Shows nothing unless `wanted` and standard error is a terminal. */
void progress_init(struct progress *progress, bool wanted);

/* `what` and, after the first second, for how long: "waiting for a free slot, 3 s". Returns at
 * once; call it about once a second. */
void progress_waiting(struct progress *progress, const char *what, int64_t since_ms);

/* Begins a transfer of `size` bytes; then progress_moved() as bytes move (it redraws a few times
 * a second), then progress_end(). */
void progress_begin(struct progress *progress, uint64_t size);
void progress_moved(void *arg, uint64_t moved); /* arg: the progress */

/* Takes the line off the screen; with `complete`, leaves size, time and rate there, the rate only
 * where it took long enough for one to mean anything. */
void progress_end(struct progress *progress, bool complete);

#endif
