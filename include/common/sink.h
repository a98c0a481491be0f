/* sink.h - a descriptor that others gave us, written to without ever waiting.
 *
 * Whether a write waits is a property of the open file (O_NONBLOCK), and that is shared with
 * everybody who has the descriptor from the same place: the shell, the other end of the pipeline.
 * It is not ours to change. So the same pipe or terminal is opened once more. */
#ifndef FERRY_SINK_H
#define FERRY_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sink {
    int fd;
    enum {
        SINK_WRITE, /* write(2) does not wait */
        SINK_SEND,  /* a socket: send(2) can be told not to */
        SINK_NOWAIT /* what could not be opened again: pwritev2(2) can be told not to, or fails */
    } how;
    bool terminal;
};

/* Sees to it that sink_write() on `fd` never waits. The number stays; what it stands for may be
 * replaced by a second open file for the same pipe or terminal, in this process alone. Call it
 * while that may still be opened: before a change of user, before the sandbox. Returns 0, or -1
 * with errno where it cannot be done: then sink_write() fails. */
int sink_open(struct sink *sink, int fd);

/* One write(2), or what is like it. Returns the count, which may be short on a terminal or a full
 * disk, or -1 with errno: EAGAIN where it would have to wait. Up to PIPE_BUF bytes a pipe takes
 * whole or not at all (pipe(7)). */
ssize_t sink_write(const struct sink *sink, const void *data, size_t len);

#endif
