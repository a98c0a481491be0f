/* pace.c - do the bytes of a connection move fast enough?
 *
 * Runs in: the worker, the client; no state but the caller's. */
#include "common/pace.h"

#include "common/io.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { LOOK_MS = 1000 /* how often a wait looks at what has moved, at least */ };

struct pace pace_start(int sock_fd, bool sending, int idle_ms, uint64_t min_rate)
{
    int64_t now_ms = io_now_ms();
    return (struct pace){.sock_fd = sock_fd,
                         .sending = sending,
                         .idle_ms = idle_ms,
                         .min_rate = min_rate,
                         .began_ms = now_ms,
                         .moved_ms = now_ms};
}

/* The moment at which what has moved becomes too little for the average asked for. */
static int64_t rate_deadline(const struct pace *pace)
{
    if (pace->min_rate == 0)
        return IO_NO_DEADLINE;
    int64_t due_ms = (int64_t)(pace->moved / pace->min_rate * 1000);
    return pace->began_ms + (due_ms > PACE_RATE_GRACE_MS ? due_ms : PACE_RATE_GRACE_MS);
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
    int64_t idle_ms = pace->idle_ms;
    if (idle_ms < 0)
        return IO_NO_DEADLINE;
    if (pace->sending && now_ms >= pace->moved_ms + idle_ms && peer_answers(pace->sock_fd))
        idle_ms *= PACE_CLOSED_WINDOW_IDLES;
    return pace->moved_ms + idle_ms;
}

int64_t pace_keep(struct pace *pace, uint64_t moved)
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

int pace_wait(struct pace *pace, short events, uint64_t moved)
{
    int64_t due_ms = pace_keep(pace, moved);
    if (due_ms < 0)
        return -1;
    int64_t look_ms = io_now_ms() + LOOK_MS;
    int outcome =
        io_wait_again(pace->sock_fd, events, look_ms < due_ms ? look_ms : due_ms, pace->in_vain);
    pace->in_vain = outcome == 0 ? pace->in_vain + 1 : 0;
    return outcome < 0 && errno != ETIMEDOUT ? -1 : 0;
}

int pace_await(struct pace *pace, ssize_t got, uint64_t moved)
{
    if (got == 0)
        errno = ENODATA;
    else if (errno == EINTR)
        return 0;
    else if (errno == EAGAIN)
        return pace_wait(pace, POLLIN, moved);
    return -1;
}

/* tcp(7), SIOCOUTQ. A local socket counts the memory that the bytes take instead; but what it has
 * taken the peer has. */
uint64_t pace_delivered(int sock_fd, uint64_t sent)
{
    struct tcp_info info;
    int queued = 0;

    if (!ask_tcp(sock_fd, &info))
        return sent;
    if (ioctl(sock_fd, SIOCOUTQ, &queued) < 0 || (uint64_t)queued > sent)
        return 0;
    return sent - (uint64_t)queued;
}
