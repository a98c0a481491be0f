/* snapshot.c - one consistent look at a server's board.
 *
 * Runs in: ferrytop, beside the server. It only reads. */
#include "top/snapshot.h"

#include "common/io.h"
#include "record/claims_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The manager writes for some microseconds, or for a millisecond when a thousand clients run. */
enum { ATTEMPTS = 2000, PAUSE_NS = 500000 };

/* Is it a board's header, and can the file contain as many clients as it says? */
static bool is_board(const struct board_header *h, size_t bytes)
{
    return memcmp(h->magic, BOARD_MAGIC, sizeof BOARD_MAGIC) == 0 && h->bytes == bytes &&
           h->client_size == sizeof(struct board_client) && h->stay_size == sizeof(struct stay) &&
           memchr(h->kind, '\0', sizeof h->kind) != NULL &&
           (strcmp(h->kind, "pid") == 0 || strcmp(h->kind, "thread") == 0) &&
           h->counts.running <= h->max_running && h->waiting_shown <= h->counts.waiting &&
           h->counts.running <= (bytes - sizeof *h) / sizeof(struct board_client) &&
           h->waiting_shown <=
               (bytes - sizeof *h - h->counts.running * sizeof(struct board_client)) /
                   sizeof(struct stay);
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
        else if (is_board(header, view->bytes))
            return NULL;
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

/* Anybody may have written the file, so its texts may lack their ends. */
static void terminate(struct stay *stay)
{
    stay->service[sizeof stay->service - 1] = '\0';
}

static int by_age(const void *a, const void *b)
{
    const struct board_client *x = a, *y = b;
    return (x->stay.serial > y->stay.serial) - (x->stay.serial < y->stay.serial);
}

/* The same, and fetches the number that the server counts up with each writing. */
static int read_sequence(const struct board_view *view, size_t len, uint64_t *sequence)
{
    int outcome = read_board(view, len);

    *sequence = ((const struct board_header *)(const void *)view->base)->sequence;
    return outcome;
}

/* The reader's side of the seqlock: reads the whole board between two looks at that number. The
 * barriers match the writer's. Returns 0, or -1 with errno: EBUSY if the board was written
 * meanwhile, EINVAL if it is no board. */
static int read_undisturbed(const struct board_view *view)
{
    uint64_t before, seen, after;

    if (read_sequence(view, sizeof(struct board_header), &before) < 0)
        return -1;
    errno = EBUSY;
    if (before % 2 != 0)
        return -1;
    __sync_synchronize();
    if (read_sequence(view, view->bytes, &seen) < 0)
        return -1;
    __sync_synchronize();
    if (read_sequence(view, sizeof(struct board_header), &after) < 0)
        return -1;
    errno = EBUSY;
    if (seen != before || after != before)
        return -1;
    errno = EINVAL;
    return is_board((const void *)view->base, view->bytes) ? 0 : -1;
}

int snapshot_take(struct snapshot *s, const struct board_view *view)
{
    const struct board_header *header = (const void *)view->base;
    int outcome = read_undisturbed(view);

    for (int i = 1; i < ATTEMPTS && outcome < 0 && errno == EBUSY; i++) {
        (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        outcome = read_undisturbed(view);
    }
    if (outcome < 0)
        return -1;
    const size_t running = (size_t)header->counts.running;
    const size_t waiting = (size_t)header->waiting_shown;
    *s = (struct snapshot){
        .header = *header,
        .running = calloc(running + 1, sizeof *s->running),
        .waiting = calloc(waiting + 1, sizeof *s->waiting),
    };
    if (s->running == NULL || s->waiting == NULL) {
        snapshot_free(s);
        errno = ENOMEM;
        return -1;
    }
    const struct board_client *clients = (const void *)(view->base + sizeof *header);
    for (size_t i = 0; i < running; i++) {
        s->running[i].stay = clients[i].stay;
        terminate(&s->running[i].stay);
        claims_read(&clients[i].claims, &s->running[i].claims); /* anybody may have written them */
    }
    memcpy(s->waiting, clients + running, waiting * sizeof *s->waiting);
    for (size_t i = 0; i < waiting; i++)
        terminate(&s->waiting[i]);
    s->now_ns = io_now_ns();
    s->alive = kill((pid_t)s->header.pid, 0) == 0 || errno == EPERM;
    qsort(s->running, running, sizeof *s->running, by_age);
    return 0;
}

void snapshot_free(struct snapshot *s)
{
    free(s->running);
    free(s->waiting);
    *s = (struct snapshot){.running = NULL};
}
