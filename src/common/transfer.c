/* transfer.c - a file's bytes, to and from a socket.
 *
 * Called by: session.c, get.c, put.c.
 * Runs in:   the worker, the client; no state but the caller's. */
#include "transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SEND_CHUNK = 1024 * 1024,          /* how often a sender looks whether the peer spoke */
    RECEIVE_CHUNK = 64 * 1024,         /* the buffer; on the stack, which may be a small one */
    PIPE_BYTES = 1024 * 1024,          /* the pipe; from so many bytes on it is worth making one */
    LOOK_AGAIN_BYTES = 16 * PIPE_BYTES /* spliced unseen after a block that was not all zeros */
};

/* How a transfer has kept up so far. */
struct pace {
    const struct transfer *transfer;
    int64_t began_ms, moved_ms; /* when it began, and when a byte last moved */
};

static struct pace start_pace(const struct transfer *transfer)
{
    int64_t now_ms = io_now_ms();
    return (struct pace){.transfer = transfer, .began_ms = now_ms, .moved_ms = now_ms};
}

/* The moment at which `moved` bytes become too few for the average asked for. */
static int64_t rate_deadline(const struct pace *pace, uint64_t moved)
{
    uint64_t min_rate = pace->transfer->min_rate;
    if (min_rate == 0)
        return IO_NO_DEADLINE;
    int64_t due_ms = (int64_t)(moved / min_rate * 1000);
    return pace->began_ms + (due_ms > TRANSFER_RATE_GRACE_MS ? due_ms : TRANSFER_RATE_GRACE_MS);
}

static int64_t idle_deadline(const struct pace *pace)
{
    int idle_ms = pace->transfer->idle_ms;
    return idle_ms < 0 ? IO_NO_DEADLINE : pace->moved_ms + idle_ms;
}

/* Waits for the socket, as long as the transfer keeps up. Returns 0, or -1 with errno: ETIMEDOUT
 * when it has been idle for too long, ETIME when it is too slow. */
static int wait_in_pace(const struct pace *pace, short events, uint64_t moved)
{
    int64_t idle_ms = idle_deadline(pace), rate_ms = rate_deadline(pace, moved);
    bool late = io_now_ms() >= rate_ms;

    if (!late &&
        io_wait(pace->transfer->conn->fd, events, idle_ms < rate_ms ? idle_ms : rate_ms) == 0)
        return 0;
    if (late || (errno == ETIMEDOUT && rate_ms < idle_ms))
        errno = ETIME;
    return -1;
}

static void tell_progress(const struct transfer *transfer, uint64_t moved)
{
    if (transfer->on_progress != NULL)
        transfer->on_progress(transfer->arg, moved);
}

static bool peer_spoke(int fd)
{
    struct pollfd slot = {.fd = fd, .events = POLLIN};
    return poll(&slot, 1, 0) > 0;
}

/* sendfile(2) tells the file's troubles and the socket's by the same errno; these are a file's. */
static bool is_file_error(int error)
{
    return error == EIO || error == EINVAL || error == EOVERFLOW || error == EISDIR;
}

/* The bytes the peer's kernel has acknowledged, of `sent`: what fills our own buffers is not on its
 * way to anybody yet (tcp(7), SIOCOUTQ). */
static uint64_t delivered(int sock_fd, uint64_t sent)
{
    int queued = 0;
    if (ioctl(sock_fd, SIOCOUTQ, &queued) < 0 || (uint64_t)queued > sent)
        return 0;
    return sent - (uint64_t)queued;
}

enum transfer_end transfer_send(const struct transfer *transfer)
{
    int sock_fd = transfer->conn->fd;
    struct pace pace = start_pace(transfer);
    short events = transfer->heed_peer ? POLLOUT | POLLIN : POLLOUT;

    for (uint64_t left = transfer->size; left > 0;) {
        if (transfer->heed_peer && peer_spoke(sock_fd))
            return TRANSFER_HEARD;
        size_t chunk = left < SEND_CHUNK ? (size_t)left : SEND_CHUNK;
        ssize_t sent = sendfile(sock_fd, transfer->file_fd, NULL, chunk);
        if (sent > 0) {
            left -= (uint64_t)sent;
            tell_progress(transfer, transfer->size - left);
            pace.moved_ms = io_now_ms();
        } else if (sent == 0) {
            errno = ENODATA;
            return TRANSFER_FILE;
        } else if (errno == EAGAIN) {
            if (wait_in_pace(&pace, events, delivered(sock_fd, transfer->size - left)) < 0)
                return TRANSFER_PEER;
        } else if (errno != EINTR) {
            return is_file_error(errno) ? TRANSFER_FILE : TRANSFER_PEER;
        }
    }
    return TRANSFER_DONE;
}

static bool is_all_zeros(const char *data, size_t len)
{
    return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int write_at(int fd, const char *data, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, data, len, (off_t)offset);
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

/* After a receive that failed (errno): waits for more where that can help. */
static bool may_retry(const struct inflow *in)
{
    if (errno == EINTR)
        return true;
    return errno == EAGAIN && wait_in_pace(&in->pace, POLLIN, in->moved) == 0;
}

static enum transfer_end receive_block(struct inflow *in)
{
    char block[RECEIVE_CHUNK];
    struct io_conn *conn = in->transfer->conn;
    size_t room = next_len(in, sizeof block);

    ssize_t got = (ssize_t)io_take(conn, block, room);
    if (got == 0) {
        while ((got = recv(conn->fd, block, room, MSG_DONTWAIT)) < 0)
            if (!may_retry(in))
                return TRANSFER_PEER;
        if (got == 0) {
            errno = ENODATA;
            return TRANSFER_PEER;
        }
    }
    return store(in, block, (size_t)got);
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
    ssize_t got;

    while ((got = splice(in->transfer->conn->fd, NULL, in->pipe_fds[1], NULL,
                         next_len(in, PIPE_BYTES), SPLICE_F_MOVE | SPLICE_F_NONBLOCK)) < 0)
        if (!may_retry(in))
            return TRANSFER_PEER;
    if (got == 0) {
        errno = ENODATA;
        return TRANSFER_PEER;
    }
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

enum transfer_end transfer_receive(const struct transfer *transfer)
{
    struct inflow in = {.transfer = transfer, .pace = start_pace(transfer)};
    enum transfer_end end = TRANSFER_DONE;

    open_pipe(&in);
    while (in.moved < transfer->size && end == TRANSFER_DONE) {
        bool look = in.pipe_fds[0] < 0 || in.moved >= in.look_at;
        end = look || io_unread(transfer->conn) > 0 ? receive_block(&in) : splice_block(&in);
        in.pace.moved_ms = io_now_ms();
        tell_progress(transfer, in.moved);
    }
    close_pipe(&in);
    return end;
}
