/* io.c - exact reads and writes on a connection, each with a deadline.
 *
 * Runs in: any process or thread; no state but the caller's. */
#include "common/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 20 /* before a call is tried again for which poll(2) spoke in vain */ };

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t io_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t io_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t io_now_ms(void)
{
    return io_now_ns() / 1000000;
}

/* The time left as poll(2) wants it; -1 is forever. */
static int poll_timeout(int64_t deadline_ms)
{
    if (deadline_ms == IO_NO_DEADLINE)
        return -1;
    int64_t left = deadline_ms - io_now_ms();
    if (left < 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

int io_wait(int fd, short events, int64_t deadline_ms)
{
    struct pollfd slot = {.fd = fd, .events = events};

    for (;;) {
        int ready = poll(&slot, 1, poll_timeout(deadline_ms));
        if (ready > 0)
            return 0;
        if (ready == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        if (errno != EINTR)
            return -1;
    }
}

static bool is_late(int64_t deadline_ms)
{
    if (io_now_ms() < deadline_ms)
        return false;
    errno = ETIMEDOUT;
    return true;
}

int io_wait_again(int fd, short events, int64_t deadline_ms, unsigned turn)
{
    if (turn > 0) {
        int left_ms = poll_timeout(deadline_ms);
        if (is_late(deadline_ms))
            return -1;
        (void)poll(NULL, 0, left_ms >= 0 && left_ms < PAUSE_MS ? left_ms : PAUSE_MS);
    }
    return io_wait(fd, events, deadline_ms);
}

static int send_all(int fd, const void *data, size_t len, int flags, int64_t deadline_ms)
{
    const char *next = data;

    for (unsigned turn = 0; len > 0;) {
        ssize_t sent = send(fd, next, len, MSG_NOSIGNAL | MSG_DONTWAIT | flags);
        if (sent >= 0) {
            next += sent;
            len -= (size_t)sent;
            turn = 0;
        } else if (errno == EAGAIN) {
            if (io_wait_again(fd, POLLOUT, deadline_ms, turn++) < 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

int io_send_all(int fd, const void *data, size_t len, int64_t deadline_ms)
{
    return send_all(fd, data, len, 0, deadline_ms);
}

int io_send_part(int fd, const void *data, size_t len, int64_t deadline_ms)
{
    return send_all(fd, data, len, MSG_MORE, deadline_ms);
}

/* The first time as `flags` say. */
static ssize_t recv_some(int fd, void *data, size_t len, int flags, int64_t deadline_ms)
{
    for (unsigned turn = 0;; flags = MSG_DONTWAIT) {
        ssize_t got = recv(fd, data, len, flags);
        if (got >= 0)
            return got;
        if (errno == EAGAIN) {
            if (io_wait_again(fd, POLLIN, deadline_ms, turn++) < 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

ssize_t io_recv_some(int fd, void *data, size_t len, int64_t deadline_ms)
{
    return recv_some(fd, data, len, MSG_DONTWAIT, deadline_ms);
}

void io_conn_init(struct io_conn *conn, int fd)
{
    conn->fd = fd;
    conn->start = conn->end = 0;
    conn->patient = false;
}

size_t io_unread(const struct io_conn *conn)
{
    return conn->end - conn->start;
}

ssize_t io_fill(struct io_conn *conn, int64_t deadline_ms)
{
    if (conn->start == conn->end)
        conn->start = conn->end = 0;
    if (conn->end == sizeof conn->buf) {
        errno = ENOBUFS;
        return -1;
    }
    ssize_t got = recv_some(conn->fd, conn->buf + conn->end, sizeof conn->buf - conn->end,
                            conn->patient ? 0 : MSG_DONTWAIT, deadline_ms);
    conn->patient = false;
    if (got > 0)
        conn->end += (size_t)got;
    return got;
}

void io_be_patient(struct io_conn *conn)
{
    conn->patient = true;
}

size_t io_take(struct io_conn *conn, void *data, size_t len)
{
    size_t unread = io_unread(conn);
    size_t taken = len < unread ? len : unread;
    memcpy(data, conn->buf + conn->start, taken);
    conn->start += taken;
    return taken;
}

/* Makes at least one byte unread. Returns 0, or -1 as io_read_exact(). */
static int need_byte(struct io_conn *conn, int64_t deadline_ms)
{
    if (io_unread(conn) > 0)
        return 0;
    ssize_t got = io_fill(conn, deadline_ms);
    if (got == 0)
        errno = ENODATA;
    return got > 0 ? 0 : -1;
}

int io_read_exact(struct io_conn *conn, void *data, size_t len, int64_t deadline_ms)
{
    char *next = data;

    while (len > 0) {
        if (need_byte(conn, deadline_ms) < 0)
            return -1;
        size_t taken = io_take(conn, next, len);
        next += taken;
        len -= taken;
    }
    return 0;
}

int io_skip_line_ends(struct io_conn *conn, int64_t deadline_ms)
{
    for (;;) {
        if (need_byte(conn, deadline_ms) < 0)
            return -1;
        char next = conn->buf[conn->start];
        if (next != '\r' && next != '\n')
            return 0;
        conn->start++;
        /* They may come faster than they are dropped, so that there is never a wait. */
        if (io_unread(conn) == 0 && is_late(deadline_ms))
            return -1;
    }
}

int io_expect_word(struct io_conn *conn, const char *word, int64_t deadline_ms)
{
    if (io_skip_line_ends(conn, deadline_ms) < 0)
        return -1;
    for (; *word != '\0'; word++) {
        char got;
        if (io_read_exact(conn, &got, 1, deadline_ms) < 0)
            return -1;
        if (got != *word) {
            errno = EPROTO;
            return -1;
        }
    }
    return 0;
}

int io_write_all(int fd, const void *data, size_t len)
{
    const char *next = data;

    for (unsigned turn = 0; len > 0;) {
        ssize_t written = write(fd, next, len);
        if (written >= 0) {
            next += written;
            len -= (size_t)written;
            turn = 0;
        } else if (errno == EAGAIN) {
            if (io_wait_again(fd, POLLOUT, IO_NO_DEADLINE, turn++) < 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

ssize_t io_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    if (sizeof(long) == sizeof offset)
        return syscall(SYS_pwrite64, fd, data, len, offset);
    return pwrite(fd, data, len, offset); /* the offset goes in two halves, by rules of its own */
}

void io_finish_within(struct io_conn *conn, int64_t most_ms)
{
    int64_t deadline_ms = io_now_ms() + most_ms, quiet_ms = 0;

    if (shutdown(conn->fd, SHUT_WR) < 0)
        return;
    io_be_patient(conn);
    do {
        conn->start = conn->end = 0;
        quiet_ms = io_now_ms() + IO_DRAIN_MS;
    } while (io_now_ms() < deadline_ms &&
             io_fill(conn, quiet_ms < deadline_ms ? quiet_ms : deadline_ms) > 0);
}

void io_finish(struct io_conn *conn)
{
    io_finish_within(conn, IO_DRAIN_MS);
}

void io_close(int fd)
{
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
}

bool io_same_file(int one_fd, int other_fd)
{
    struct stat one, other;
    return fstat(one_fd, &one) == 0 && fstat(other_fd, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

int io_fill_standard_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    io_close(fd);
    return fd < 0 ? -1 : 0;
}

int io_highest_fd(void)
{
    int highest = STDERR_FILENO;
    DIR *open_ones = opendir("/proc/self/fd");

    if (open_ones == NULL)
        return (int)sysconf(_SC_OPEN_MAX) - 1;
    for (const struct dirent *entry; (entry = readdir(open_ones)) != NULL;) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd > highest)
            highest = fd;
    }
    closedir(open_ones);
    return highest;
}

void io_close_between(unsigned first, unsigned last, unsigned highest)
{
    /* A call of Linux 5.9, that not every libc has a function for. */
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    for (unsigned fd = first; fd <= last && fd <= highest; fd++)
        io_close((int)fd);
}

void io_prepare_socket(int fd)
{
    int on = 1, unsent = IO_UNSENT_BYTES;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

int io_bound_waits(int fd)
{
    const struct timeval most = {.tv_sec = IO_PATIENCE_MS / 1000,
                                 .tv_usec = (suseconds_t)(IO_PATIENCE_MS % 1000) * 1000};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) < 0)
        return -1;
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

void io_never_block(int fd)
{
    int on = 1;
    (void)ioctl(fd, FIONBIO, &on);
}

void io_keepalive(int fd, int timeout_ms)
{
    const int probes = 3;
    int seconds = timeout_ms / 1000 / (probes + 1);
    int on = 1, idle = seconds > 0 ? seconds : 1;

    /* Best effort: without them, the deadlines above still bound every wait. */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}
