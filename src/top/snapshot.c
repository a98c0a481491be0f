/* snapshot.c - one consistent look at a server's board.
 *
 * Runs in: ferrytop, beside the server; it only ever reads. */
#include "top/snapshot.h"

#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The manager writes for some microseconds, or a millisecond where a thousand clients run. */
enum { ATTEMPTS = 2000, PAUSE_NS = 500000 };

/* Does an array of `count` items, `size` bytes each, lie within the board? */
static bool fits(uint64_t at, uint64_t count, uint64_t size, uint64_t bytes)
{
    return at <= bytes && count <= (bytes - at) / size;
}

static bool is_board(const struct board_header *header, size_t bytes)
{
    return memcmp(header->magic, BOARD_MAGIC, sizeof BOARD_MAGIC) == 0 && header->bytes == bytes &&
           header->report_size == sizeof(struct report) &&
           header->running_size == sizeof(struct running) &&
           header->pending_size == sizeof(struct pending) && header->max_pending > 0 &&
           memchr(header->kind, '\0', sizeof header->kind) != NULL &&
           (strcmp(header->kind, "pid") == 0 || strcmp(header->kind, "thread") == 0) &&
           header->report_distance >= sizeof(struct report) &&
           header->report_distance % _Alignof(struct report) == 0 &&
           fits(header->reports_at, header->max_running, header->report_distance, bytes) &&
           fits(header->members_at, header->max_running, sizeof(struct running), bytes) &&
           fits(header->ring_at, header->max_pending, sizeof(struct pending), bytes);
}

/* Reads the board, or its first `len` bytes. Returns 0, or -1 with errno. */
static int read_board(const struct board_view *view, size_t len)
{
    ssize_t got = pread(view->fd, view->base, len, 0);

    if (got >= 0 && (size_t)got < len)
        errno = EINVAL; /* it is shorter than it was */
    return got == (ssize_t)len ? 0 : -1;
}

const char *board_view_open(struct board_view *view, const char *path)
{
    struct stat st;
    const char *reason = "it is not a board of this version of ferryd";

    *view = (struct board_view){.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    if (view->fd < 0)
        return strerror(errno);
    if (fstat(view->fd, &st) < 0) {
        reason = strerror(errno);
    } else if (S_ISREG(st.st_mode) && (size_t)st.st_size >= sizeof(struct board_header)) {
        view->bytes = (size_t)st.st_size;
        view->base = malloc(view->bytes);
        const struct board_header *header = (const void *)view->base;
        if (view->base == NULL || read_board(view, sizeof *header) < 0)
            reason = strerror(errno);
        else if (is_board(header, view->bytes)) {
            view->slots = (size_t)header->max_running;
            return NULL;
        }
    }
    board_view_close(view);
    return reason;
}

void board_view_close(struct board_view *view)
{
    free(view->base);
    io_close(view->fd);
    *view = (struct board_view){.fd = -1};
}

static void copy_running(struct snapshot *s, const struct board_view *view)
{
    const struct board_header *h = &s->header;
    const struct running *members = (const void *)(view->base + h->members_at);

    if (h->running_count > h->max_running)
        s->header.running_count = h->max_running;
    for (uint64_t i = 0; i < s->header.running_count; i++) {
        s->running[i].member = members[i];
        size_t slot = members[i].slot < h->max_running ? members[i].slot : 0;
        report_read((const void *)(view->base + h->reports_at + slot * h->report_distance),
                    &s->running[i].report);
    }
}

static void copy_waiting(struct snapshot *s, const struct board_view *view, size_t most)
{
    const struct board_header *h = &s->header;
    const struct pending *ring = (const void *)(view->base + h->ring_at);

    if (most > BOARD_WAITING_MAX)
        most = BOARD_WAITING_MAX;
    s->waiting_shown = h->queue_count < most ? (size_t)h->queue_count : most;
    if (s->waiting_shown > h->max_pending)
        s->waiting_shown = (size_t)h->max_pending;
    for (uint64_t i = 0; i < s->waiting_shown; i++)
        s->waiting[i] = ring[(h->queue_head + i) % h->max_pending];
}

static int by_age(const void *a, const void *b)
{
    const struct snapshot_client *x = a, *y = b;
    return (x->member.client.serial > y->member.client.serial) -
           (x->member.client.serial < y->member.client.serial);
}

int snapshot_take(struct snapshot *s, const struct board_view *view, size_t most_waiting)
{
    const struct board_header *shared = (const void *)view->base;

    *s = (struct snapshot){
        .running = calloc(view->slots, sizeof *s->running),
        .waiting = calloc(most_waiting > 0 ? most_waiting : 1, sizeof *s->waiting),
    };
    for (int i = 0; i < ATTEMPTS && s->running != NULL && s->waiting != NULL; i++) {
        /* All of it between two looks at the number that every writing counts up. */
        if (read_board(view, sizeof *shared) < 0)
            goto fail;
        uint64_t before = shared->sequence;
        if (before % 2 != 0) {
            (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
            continue;
        }
        if (read_board(view, view->bytes) < 0)
            goto fail;
        s->header = *shared;
        if (!is_board(&s->header, view->bytes) || s->header.max_running != view->slots) {
            errno = EINVAL;
            goto fail;
        }
        copy_running(s, view);
        copy_waiting(s, view, most_waiting);
        if (s->header.sequence != before || read_board(view, sizeof *shared) < 0 ||
            shared->sequence != before)
            continue;
        s->now_ns = io_now_ns();
        s->alive = kill((pid_t)s->header.pid, 0) == 0 || errno == EPERM;
        qsort(s->running, (size_t)s->header.running_count, sizeof *s->running, by_age);
        return 0;
    }
    errno = s->running == NULL || s->waiting == NULL ? ENOMEM : EBUSY;
fail:
    snapshot_free(s);
    return -1;
}

void snapshot_free(struct snapshot *s)
{
    free(s->running);
    free(s->waiting);
    *s = (struct snapshot){.running = NULL};
}
