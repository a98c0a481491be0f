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

/* Opens the board `path`. It is read, not mapped: who cuts the file short while we look must not
 * end us by SIGBUS (mmap(2)). Returns NULL, or the reason as text. */
const char *board_view_open(struct board_view *view, const char *path);
void board_view_close(struct board_view *view);

/* Copies what the board says at a moment when the server was not writing it. Returns 0, or -1 with
 * errno: ENOMEM, EINVAL where it is no board any more, or EBUSY where there was no such moment for
 * a second. snapshot_free() frees it. */
int snapshot_take(struct snapshot *snapshot, const struct board_view *view);
void snapshot_free(struct snapshot *snapshot);

#endif
