/* snapshot.h - one consistent look at a server's board. */
#ifndef FERRY_SNAPSHOT_H
#define FERRY_SNAPSHOT_H

#include "record/board.h"

#include <stdbool.h>
#include <stddef.h>

struct snapshot {
    struct board_header header;
    struct board_client *running; /* owned; header.counts.running of them, by age */
    struct stay *waiting;         /* owned; header.waiting_shown of them, first in line first */
    bool alive;                   /* is the server? */
    int64_t now_ns;
};

struct board_view {
    int fd;              /* owned */
    unsigned char *base; /* what was read of it last, owned */
    size_t bytes;
};

/* Opens the board `path`. It is read and not mapped, because somebody may cut the file short while
 * we look, and a SIGBUS would end us (mmap(2)). Returns NULL, or the reason as text. */
const char *board_view_open(struct board_view *view, const char *path);
void board_view_close(struct board_view *view);

/* Copies what the board says at a moment when the server is not writing it. Returns 0, or -1 with
 * errno: ENOMEM; EINVAL if it is no board any more; EBUSY if there was no such moment for a second.
 * snapshot_free() frees the copy. */
int snapshot_take(struct snapshot *snapshot, const struct board_view *view);
void snapshot_free(struct snapshot *snapshot);

#endif
