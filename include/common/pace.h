/* pace.h - do the bytes of a connection move fast enough? One pace holds for the whole of what is
 * moved, in however many pieces that is done.
 *
 * A byte has moved when we have it, or when the peer's system has acknowledged it: what lies in our
 * own buffers is on its way to nobody yet. */
#ifndef FERRY_PACE_H
#define FERRY_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    PACE_RATE_GRACE_MS = 10000,
    /* How often idle_ms a peer may take that acknowledges no byte, but whose system answers for it:
     * its window is closed, and at 1 KB/s it takes a minute to open again. */
    PACE_CLOSED_WINDOW_IDLES = 4
};

struct pace {
    int sock_fd; /* borrowed */
    bool sending;
    int idle_ms;       /* give up when no byte moves for this long; -1: never */
    uint64_t min_rate; /* bytes a second, on average once PACE_RATE_GRACE_MS are over; 0: any */
    int64_t began_ms, moved_ms; /* when it began, and when a byte last moved */
    uint64_t moved;             /* bytes, as of the last look */
    unsigned in_vain; /* how often in a row poll(2) called the socket ready, and it was not */
};

/* It begins now. */
struct pace pace_start(int sock_fd, bool sending, int idle_ms, uint64_t min_rate);

/* Takes note of what has moved by now, in all, and judges. To be called on every turn, after the
 * call that moves bytes has had its chance: on a machine that is busy, bytes that came in time are
 * seen too late. Returns the moment up to which all is well, or -1 with errno: ETIMEDOUT when
 * nothing has moved for too long, ETIME when too little has. */
int64_t pace_keep(struct pace *pace, uint64_t moved);

/* Waits for `events` on the socket, where it keeps up; and not for long, because poll(2) does not
 * tell of bytes that the peer acknowledges. Returns 0: try again; or -1 as pace_keep(), or with
 * poll(2)'s errno. */
int pace_wait(struct pace *pace, short events, uint64_t moved);

/* After a receive that got nothing (`got`, 0 or -1 with errno): waits for more, where that can
 * help. Returns as pace_wait(), or -1 with errno: ENODATA at the end of the stream, recv(2)'s. */
int pace_await(struct pace *pace, ssize_t got, uint64_t moved);

/* The bytes that the peer's system has acknowledged, of `sent`. */
uint64_t pace_delivered(int sock_fd, uint64_t sent);

#endif
