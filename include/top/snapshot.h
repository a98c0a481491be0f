/* snapshot.h - one consistent look at a server's board. */
#ifndef FERRY_SNAPSHOT_H
#define FERRY_SNAPSHOT_H

#include "record/board.h"

#include <stdbool.h>
#include <stddef.h>

struct snapshot_client {
    struct running member;
    struct report report; /* from report_read() */
};

struct snapshot {
    struct board_header header;
    struct snapshot_client *running; /* owned; header.running_count of them, by age */
    struct pending *waiting;         /* owned; waiting_shown of them, first in line first */
    size_t waiting_shown;
    bool alive; /* is the server? */
    int64_t now_ns;
};

struct board_view {
    int fd;              /* owned */
    unsigned char *base; /* what was read of it last, owned */
    size_t bytes;
    size_t slots; /* max_running, when it was opened: who writes to the file may change it */
};

/* Opens the board `path`. It is read, not mapped: who cuts the file short while we look must not
 * end us by SIGBUS (mmap(2)). Returns NULL, or the reason as text. */
const char *board_view_open(struct board_view *view, const char *path);
void board_view_close(struct board_view *view);

/* Copies what the board says, with at most `most_waiting` of those who wait, at a moment when the
 * manager was not writing it. Returns 0, or -1 with errno: ENOMEM, EINVAL where it is no
 * board any more, or EBUSY where there was no such moment for a second. */
int snapshot_take(struct snapshot *snapshot, const struct board_view *view, size_t most_waiting);
void snapshot_free(struct snapshot *snapshot);

#endif
