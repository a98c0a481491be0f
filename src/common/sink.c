/* sink.c - a descriptor that others gave us, written to without ever waiting.
 *
 * Runs in: sink_open() in the parent, at the start; sink_write() anywhere. */
#include "common/sink.h"

#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

/* /proc/self/fd leads to the very same pipe or terminal (proc(5)). A terminal that su(1) has left
 * in another user's name may not be opened that way, but anybody may open /dev/tty, the controlling
 * terminal, which is this one if tcgetsid(3) knows its session. */
static int open_again(int fd)
{
    const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    char path[32];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, flags);
    int saved = errno;
    if (again < 0 && tcgetsid(fd) == getsid(0))
        again = open("/dev/tty", flags);
    errno = saved;
    return again;
}

/* On a disk, a write waits for no reader; opened again, it would have an offset of its own. */
static bool is_on_disk(const struct stat *st)
{
    return S_ISREG(st->st_mode) || S_ISBLK(st->st_mode);
}

static bool is_nameless_pipe(int fd)
{
    struct statfs filesystem;
    return fstatfs(fd, &filesystem) == 0 && filesystem.f_type == PIPEFS_MAGIC;
}

/* Pipes know RWF_NOWAIT since Linux 6.4. */
static bool pipes_know_nowait(void)
{
    int ends[2];
    char byte = 0;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    const struct sink scratch = {.fd = ends[1], .how = SINK_NOWAIT};
    bool known = sink_write(&scratch, &byte, 1) == 1;
    int saved = errno;
    io_close(ends[0]);
    io_close(ends[1]);
    errno = saved;
    return known;
}

int sink_open(struct sink *sink, int fd)
{
    struct stat st;

    *sink = (struct sink){.fd = fd, .how = SINK_WRITE};
    if (fstat(fd, &st) < 0 || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY || is_on_disk(&st))
        return 0; /* write(2) says what is wrong, if anything is */
    if (S_ISSOCK(st.st_mode)) {
        sink->how = SINK_SEND;
        return 0;
    }
    sink->terminal = isatty(fd);
    int again = open_again(fd);
    if (again >= 0) {
        int outcome = dup2(again, fd);
        io_close(again);
        return outcome < 0 ? -1 : 0;
    }
    sink->how = SINK_NOWAIT;
    return is_nameless_pipe(fd) && pipes_know_nowait() ? 0 : -1; /* the others do not */
}

ssize_t sink_write(const struct sink *sink, const void *data, size_t len)
{
    const struct iovec whole = {(void *)data, len};

    switch (sink->how) {
    case SINK_SEND:
        return send(sink->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    case SINK_NOWAIT: /* at no offset: -1, in two halves on 32 bits */
        return (ssize_t)syscall(SYS_pwritev2, sink->fd, &whole, 1, -1L, -1L, RWF_NOWAIT);
    case SINK_WRITE:
        break;
    }
    return write(sink->fd, data, len);
}
