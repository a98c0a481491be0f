/* transfer.c - a file's bytes, to and from a socket.
 *
 * Runs in: the worker, the client; no state but the caller's. */
#include "common/transfer.h"

#include "common/pace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SMALL_BYTES = 16 * 1024,           /* what a socket takes at once, and the last word besides */
    SEND_CHUNK = 16 * 1024 * 1024,     /* a fast reader waits less where a call takes much */
    HEEDFUL_CHUNK = 1024 * 1024,       /* how often a sender looks whether the peer spoke */
    RECEIVE_CHUNK = 16 * 1024,         /* the buffer; on the stack, which may be a small one */
    LITTLE_BYTES = 2 * 1024,           /* another one, for what is so small */
    PIPE_BYTES = 1024 * 1024,          /* the pipe; from so many bytes on it is worth making one */
    LOOK_AGAIN_BYTES = 16 * PIPE_BYTES /* spliced unseen after a block that was not all zeros */
};

static struct pace start_pace(const struct transfer *transfer, bool sending)
{
    return pace_start(transfer->conn->fd, sending, transfer->idle_ms, transfer->min_rate);
}

static void tell_progress(const struct transfer *transfer, uint64_t moved)
{
    if (transfer->on_progress != NULL)
        transfer->on_progress(transfer->arg, moved);
}

static bool is_ready(int fd, short events)
{
    struct pollfd slot = {.fd = fd, .events = events};
    return poll(&slot, 1, 0) > 0;
}

/* sendfile(2) tells the file's troubles and the socket's by the same errno; these are a file's. */
static bool is_file_error(int error)
{
    return error == EIO || error == EINVAL || error == EOVERFLOW || error == EISDIR;
}

/* When all is sent, but not yet on its way: who listens for the peer goes on until that has all of
 * it, or speaks; others, until there is room for the last word. Either wait is the transfer's. */
static enum transfer_end see_off(const struct transfer *transfer, struct pace *pace)
{
    int sock_fd = transfer->conn->fd;
    short events = transfer->heed_peer ? POLLIN : POLLOUT;

    while (!is_ready(sock_fd, events)) {
        uint64_t moved = pace_delivered(sock_fd, transfer->size);
        if (transfer->heed_peer && moved == transfer->size)
            break;
        if (pace_wait(pace, events, moved) < 0)
            return TRANSFER_PEER;
    }
    return TRANSFER_DONE;
}

enum transfer_end transfer_send(const struct transfer *transfer)
{
    int sock_fd = transfer->conn->fd;
    struct pace pace = start_pace(transfer, true);
    short events = transfer->heed_peer ? POLLOUT | POLLIN : POLLOUT;
    bool small = transfer->size <= SMALL_BYTES && !transfer->heed_peer;
    const size_t chunk = transfer->heed_peer ? HEEDFUL_CHUNK : SEND_CHUNK;

    if (!small)
        io_never_block(sock_fd);
    for (uint64_t left = transfer->size; left > 0;) {
        if (transfer->heed_peer && is_ready(sock_fd, POLLIN))
            return TRANSFER_HEARD;
        ssize_t sent =
            sendfile(sock_fd, transfer->file_fd, NULL, left < chunk ? (size_t)left : chunk);
        if (sent > 0) {
            left -= (uint64_t)sent;
            tell_progress(transfer, transfer->size - left);
            pace.in_vain = 0; /* but nothing has moved yet; there will be a wait, to see to that */
        } else if (sent == 0) {
            errno = ENODATA;
            return TRANSFER_FILE;
        } else if (errno == EAGAIN) {
            if (pace_wait(&pace, events, pace_delivered(sock_fd, transfer->size - left)) < 0)
                return TRANSFER_PEER;
        } else if (errno != EINTR) {
            return is_file_error(errno) ? TRANSFER_FILE : TRANSFER_PEER;
        }
    }
    return small ? TRANSFER_DONE : see_off(transfer, &pace);
}

static bool is_all_zeros(const char *data, size_t len)
{
    return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int write_at(int fd, const char *data, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t written = io_pwrite(fd, data, len, (off_t)offset);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            data += written;
            len -= (size_t)written;
            offset += (uint64_t)written;
        }
    }
    return 0;
}

/* A transfer on its way in. Bytes go from the socket to the file in one of two ways:
 * - through a pipe, by splice(2), which copies them once instead of twice. `make bench` measures
 *   both: this one is the faster, once the pipe is large;
 * - through a buffer, where a block of zeros can be seen and left out, and which needs nothing.
 * Where there is a pipe, one block in every LOOK_AGAIN_BYTES goes through the buffer all the same,
 * and as long as those are zeros, all do: a sparse file arrives without being written. */
struct inflow {
    const struct transfer *transfer;
    struct pace pace;
    uint64_t moved;
    uint64_t look_at; /* the next block from here on goes through the buffer */
    int pipe_fds[2];  /* owned; -1: none */
};

static void close_pipe(struct inflow *in)
{
    io_close(in->pipe_fds[0]);
    io_close(in->pipe_fds[1]);
    in->pipe_fds[0] = in->pipe_fds[1] = -1;
}

static void open_pipe(struct inflow *in)
{
    in->pipe_fds[0] = in->pipe_fds[1] = -1;
    if (!in->transfer->reads_zero || in->transfer->size < PIPE_BYTES)
        return;
    io_never_block(in->transfer->conn->fd);
    if (pipe2(in->pipe_fds, O_CLOEXEC) == 0 &&
        fcntl(in->pipe_fds[1], F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES)
        return;
    /* pipe(7): users have a limit for large pipes. A small one is slower than the buffer. */
    close_pipe(in);
}

static size_t next_len(const struct inflow *in, size_t most)
{
    uint64_t left = in->transfer->size - in->moved;
    return left < most ? (size_t)left : most;
}

static enum transfer_end store(struct inflow *in, const char *data, size_t len)
{
    const struct transfer *transfer = in->transfer;
    int outcome = 0;

    if (!transfer->reads_zero) {
        outcome = io_write_all(transfer->file_fd, data, len);
    } else if (!is_all_zeros(data, len)) {
        outcome = write_at(transfer->file_fd, data, len, in->moved);
        in->look_at = in->moved + LOOK_AGAIN_BYTES;
    }
    if (outcome < 0)
        return TRANSFER_FILE;
    in->moved += len;
    return TRANSFER_DONE;
}

/* After a receive that got nothing: waits for more, where that can help. */
static enum transfer_end await_more(struct inflow *in, ssize_t got)
{
    return pace_await(&in->pace, got, in->moved) == 0 ? TRANSFER_DONE : TRANSFER_PEER;
}

static enum transfer_end receive_into(struct inflow *in, char *block, size_t block_len)
{
    struct io_conn *conn = in->transfer->conn;
    size_t room = next_len(in, block_len);

    ssize_t got = (ssize_t)io_take(conn, block, room);
    if (got == 0)
        got = recv(conn->fd, block, room, MSG_DONTWAIT);
    return got > 0 ? store(in, block, (size_t)got) : await_more(in, got);
}

/* Each of the two has a frame of its own: what a small upload does not need of the stack is not
 * copied for it. */
__attribute__((noinline)) static enum transfer_end receive_little(struct inflow *in)
{
    char block[LITTLE_BYTES];
    return receive_into(in, block, sizeof block);
}

__attribute__((noinline)) static enum transfer_end receive_block(struct inflow *in)
{
    char block[RECEIVE_CHUNK];
    return receive_into(in, block, sizeof block);
}

/* Empties a pipe whose bytes the file does not take by splice(2), and goes on without it. */
static enum transfer_end give_up_pipe(struct inflow *in, size_t in_pipe)
{
    char block[RECEIVE_CHUNK];
    enum transfer_end end = TRANSFER_DONE;

    while (in_pipe > 0 && end == TRANSFER_DONE) {
        ssize_t got = read(in->pipe_fds[0], block, in_pipe < sizeof block ? in_pipe : sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return TRANSFER_FILE;
        in_pipe -= (size_t)got;
        end = store(in, block, (size_t)got);
    }
    close_pipe(in);
    return end;
}

static enum transfer_end splice_block(struct inflow *in)
{
    ssize_t got = splice(in->transfer->conn->fd, NULL, in->pipe_fds[1], NULL,
                         next_len(in, PIPE_BYTES), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    /* At a mark of urgent data it stops for ever; recv(2) gets past it. */
    if (got < 0 && errno == EAGAIN && in->pace.in_vain > 0)
        return receive_block(in);
    if (got <= 0)
        return await_more(in, got);
    for (ssize_t left = got; left > 0;) {
        off_t offset = (off_t)in->moved;
        ssize_t put = splice(in->pipe_fds[0], NULL, in->transfer->file_fd, &offset, (size_t)left,
                             SPLICE_F_MOVE);
        if (put < 0 && errno == EINVAL) /* not on this filesystem */
            return give_up_pipe(in, (size_t)left);
        if (put == 0 || (put < 0 && errno != EINTR))
            return TRANSFER_FILE;
        if (put > 0) {
            left -= put;
            in->moved += (uint64_t)put;
        }
    }
    return TRANSFER_DONE;
}

/* One turn: some bytes, or a wait for some. */
static enum transfer_end receive_some(struct inflow *in)
{
    bool look = in->pipe_fds[0] < 0 || in->moved >= in->look_at;

    if (in->transfer->size - in->moved <= LITTLE_BYTES)
        return receive_little(in);
    return look || io_unread(in->transfer->conn) > 0 ? receive_block(in) : splice_block(in);
}

enum transfer_end transfer_receive(const struct transfer *transfer)
{
    struct inflow in = {.transfer = transfer, .pace = start_pace(transfer, false)};
    enum transfer_end end = TRANSFER_DONE;

    open_pipe(&in);
    while (in.moved < transfer->size && end == TRANSFER_DONE) {
        end = receive_some(&in);
        if (end != TRANSFER_DONE || in.moved == in.pace.moved)
            continue;
        tell_progress(transfer, in.moved);
        if (pace_keep(&in.pace, in.moved) < 0 && in.moved < transfer->size)
            end = TRANSFER_PEER;
    }
    close_pipe(&in);
    return end;
}
