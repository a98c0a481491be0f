/* snapshot.c - one consistent look at a server's board.
 *
 * Called by: top_main.c.
 * Runs in:   ferrytop, beside the server; it only ever reads. */
#include "snapshot.h"

#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

/* A change takes the manager well under a microsecond; looking through a full queue for those who
 * have left takes it some milliseconds. */
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

const char *board_view_open(struct board_view *view, const char *path)
{
    struct stat st;
    const char *reason = NULL;
    void *base = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    *view = (struct board_view){.base = NULL};
    if (fd < 0)
        return strerror(errno);
    if (fstat(fd, &st) < 0)
        reason = strerror(errno);
    else if (!S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(struct board_header))
        reason = "it is not a board of this version of ferryd";
    else if ((base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
        reason = strerror(errno);
    io_close(fd);
    if (reason != NULL)
        return reason;
    const struct board_header header = *(const struct board_header *)base;
    *view = (struct board_view){base, (size_t)st.st_size, (size_t)header.max_running};
    if (is_board(&header, view->bytes))
        return NULL;
    board_view_close(view);
    return "it is not a board of this version of ferryd";
}

void board_view_close(struct board_view *view)
{
    if (view->base != NULL)
        munmap(view->base, view->bytes);
    *view = (struct board_view){.base = NULL};
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
        uint64_t before = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
        if (before % 2 != 0) {
            (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
            continue;
        }
        s->header = *shared;
        if (!is_board(&s->header, view->bytes) || s->header.max_running != view->slots) {
            snapshot_free(s);
            errno = EINVAL;
            return -1;
        }
        copy_running(s, view);
        copy_waiting(s, view, most_waiting);
        __sync_synchronize(); /* what was copied was read before this */
        if (__atomic_load_n(&shared->sequence, __ATOMIC_RELAXED) != before)
            continue;
        s->now_ns = io_now_ns();
        s->alive = kill((pid_t)s->header.pid, 0) == 0 || errno == EPERM;
        qsort(s->running, (size_t)s->header.running_count, sizeof *s->running, by_age);
        return 0;
    }
    errno = s->running == NULL || s->waiting == NULL ? ENOMEM : EBUSY;
    snapshot_free(s);
    return -1;
}

void snapshot_free(struct snapshot *s)
{
    free(s->running);
    free(s->waiting);
    *s = (struct snapshot){.running = NULL};
}
