/* transfer.c - a file's bytes, to and from a socket.
 *
 * Runs in: the worker, the client; no state but the caller's. */
#include "common/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SMALL_BYTES = 16 * 1024,            /* what a socket takes at once, and the last word besides */
    SEND_CHUNK = 16 * 1024 * 1024,      /* a fast reader waits less where a call takes much */
    HEEDFUL_CHUNK = 1024 * 1024,        /* how often a sender looks whether the peer spoke */
    RECEIVE_CHUNK = 16 * 1024,          /* the buffer; on the stack, which may be a small one */
    LITTLE_BYTES = 2 * 1024,            /* another one, for what is so small */
    PIPE_BYTES = 1024 * 1024,           /* the pipe; from so many bytes on it is worth making one */
    LOOK_AGAIN_BYTES = 16 * PIPE_BYTES, /* spliced unseen after a block that was not all zeros */
    LOOK_MS = 1000                      /* how often a wait looks at what has moved, at least */
};

/* How a transfer has kept up so far. A byte has moved when we have it, or when the peer's system
 * has acknowledged it: what lies in our own buffers is on its way to nobody yet. */
struct pace {
    const struct transfer *transfer;
    bool sending;
    int64_t began_ms, moved_ms; /* when it began, and when a byte last moved */
    uint64_t moved;             /* bytes, as of the last look */
    unsigned in_vain; /* how often in a row poll(2) called the socket ready, and it was not */
};

static struct pace start_pace(const struct transfer *transfer, bool sending)
{
    int64_t now_ms = io_now_ms();
    return (struct pace){
        .transfer = transfer, .sending = sending, .began_ms = now_ms, .moved_ms = now_ms};
}

/* The moment at which what has moved becomes too little for the average asked for. */
static int64_t rate_deadline(const struct pace *pace)
{
    uint64_t min_rate = pace->transfer->min_rate;
    if (min_rate == 0)
        return IO_NO_DEADLINE;
    int64_t due_ms = (int64_t)(pace->moved / min_rate * 1000);
    return pace->began_ms + (due_ms > TRANSFER_RATE_GRACE_MS ? due_ms : TRANSFER_RATE_GRACE_MS);
}

/* Returns false where it is a local socket: between the two ends of that there is nothing. */
static bool ask_tcp(int sock_fd, struct tcp_info *info)
{
    socklen_t len = sizeof *info;
    *info = (struct tcp_info){.tcpi_probes = UINT8_MAX};
    return getsockopt(sock_fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0 || errno != EOPNOTSUPP;
}

/* Does the peer's system answer? A byte that is not acknowledged is sent again and again, and so is
 * the question whether a window that has closed is open again (tcp(7), TCP_INFO). One of these may
 * be on its way at any moment; when a second one is, the first had no answer. */
static bool peer_answers(int sock_fd)
{
    struct tcp_info info;
    return !ask_tcp(sock_fd, &info) || (info.tcpi_probes <= 1 && info.tcpi_retransmits <= 1);
}

/* The moment at which nothing has moved for too long. Who reads steadily, but slowly, may seem to
 * read nothing for longer than that: a window that has closed is opened again for a whole segment
 * only, or a good part of the buffer (RFC 9293 section 3.8.6.2.2), and Linux frees a received
 * packet, of up to 64 KiB, when its last byte is read. At 1 KB/s that is a minute. */
static int64_t idle_deadline(const struct pace *pace, int64_t now_ms)
{
    int64_t idle_ms = pace->transfer->idle_ms;
    if (idle_ms < 0)
        return IO_NO_DEADLINE;
    if (pace->sending && now_ms >= pace->moved_ms + idle_ms &&
        peer_answers(pace->transfer->conn->fd))
        idle_ms *= TRANSFER_CLOSED_WINDOW_IDLES;
    return pace->moved_ms + idle_ms;
}

/* Takes note of what has moved by now, and judges. Called on every turn, after the call that moves
 * bytes has had its chance: on a machine that is busy, bytes that came in time are seen too late.
 * Returns the moment up to which all is well, or -1 with errno: ETIMEDOUT when nothing has moved
 * for too long, ETIME when too little has. */
static int64_t keep_pace(struct pace *pace, uint64_t moved)
{
    int64_t now_ms = io_now_ms();

    if (moved > pace->moved) {
        pace->moved = moved;
        pace->moved_ms = now_ms;
        pace->in_vain = 0;
    }
    int64_t rate_ms = rate_deadline(pace), idle_ms = idle_deadline(pace, now_ms);
    bool rate_first = rate_ms < idle_ms;
    int64_t due_ms = rate_first ? rate_ms : idle_ms;
    if (now_ms < due_ms)
        return due_ms;
    errno = rate_first ? ETIME : ETIMEDOUT;
    return -1;
}

/* Waits for the socket, where the transfer keeps up; and not for long, because poll(2) does not
 * tell of bytes that the peer acknowledges. Returns 0: try again; or -1 as keep_pace(). */
static int wait_in_pace(struct pace *pace, short events, uint64_t moved)
{
    int64_t due_ms = keep_pace(pace, moved);
    if (due_ms < 0)
        return -1;
    int64_t look_ms = io_now_ms() + LOOK_MS;
    int outcome = io_wait_again(pace->transfer->conn->fd, events,
                                look_ms < due_ms ? look_ms : due_ms, pace->in_vain);
    pace->in_vain = outcome == 0 ? pace->in_vain + 1 : 0;
    return outcome < 0 && errno != ETIMEDOUT ? -1 : 0;
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

/* The bytes the peer's kernel has acknowledged, of `sent` (tcp(7), SIOCOUTQ). A local socket counts
 * the memory that they take instead; but what it has taken the peer has. */
static uint64_t delivered(int sock_fd, uint64_t sent)
{
    struct tcp_info info;
    int queued = 0;

    if (!ask_tcp(sock_fd, &info))
        return sent;
    if (ioctl(sock_fd, SIOCOUTQ, &queued) < 0 || (uint64_t)queued > sent)
        return 0;
    return sent - (uint64_t)queued;
}

/* When all is sent, but not yet on its way: who listens for the peer goes on until that has all of
 * it, or speaks; others, until there is room for the last word. Either wait is the transfer's. */
static enum transfer_end see_off(struct pace *pace)
{
    const struct transfer *transfer = pace->transfer;
    int sock_fd = transfer->conn->fd;
    short events = transfer->heed_peer ? POLLIN : POLLOUT;

    while (!is_ready(sock_fd, events)) {
        uint64_t moved = delivered(sock_fd, transfer->size);
        if (transfer->heed_peer && moved == transfer->size)
            break;
        if (wait_in_pace(pace, events, moved) < 0)
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
            if (wait_in_pace(&pace, events, delivered(sock_fd, transfer->size - left)) < 0)
                return TRANSFER_PEER;
        } else if (errno != EINTR) {
            return is_file_error(errno) ? TRANSFER_FILE : TRANSFER_PEER;
        }
    }
    return small ? TRANSFER_DONE : see_off(&pace);
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
    if (got == 0)
        errno = ENODATA;
    else if (errno == EINTR || (errno == EAGAIN && wait_in_pace(&in->pace, POLLIN, in->moved) == 0))
        return TRANSFER_DONE;
    return TRANSFER_PEER;
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
        if (keep_pace(&in.pace, in.moved) < 0 && in.moved < transfer->size)
            end = TRANSFER_PEER;
    }
    close_pipe(&in);
    return end;
}
