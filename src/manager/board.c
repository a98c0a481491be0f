/* board.c - one piece of memory that says who runs, who waits, and what each worker does.
 *
 * Called by: manager.c; worker_fork.c, in the child.
 * Runs in:   the parent. */
#include "board.h"

#include "io.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What a worker keeps and what it lets go of are whole pages, of whatever size this machine has
 * them (munmap(2)): 4 KiB on x86_64, up to 64 KiB on aarch64. */
static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

/* Only what a ferryd has made is replaced: a slip of the finger must not cost a file. */
static bool is_board(const char *path)
{
    char magic[sizeof BOARD_MAGIC];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, magic, sizeof magic);

    io_close(fd);
    /* of any version: what follows the last dash */
    return len == (ssize_t)sizeof magic && memcmp(magic, BOARD_MAGIC, sizeof BOARD_MAGIC - 2) == 0;
}

/* Maps `bytes` of a fresh file, or of memory of our own. Returns MAP_FAILED with errno. */
static void *map(const char *path, size_t bytes)
{
    struct stat st;
    void *base = MAP_FAILED;

    if (path == NULL)
        return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    /* A new file, not the old one emptied: somebody may be looking at that (mmap(2), SIGBUS). */
    if (lstat(path, &st) == 0 && !(S_ISREG(st.st_mode) && is_board(path))) {
        errno = EEXIST;
        return MAP_FAILED;
    }
    if (unlink(path) < 0 && errno != ENOENT)
        return MAP_FAILED;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return MAP_FAILED;
    errno = posix_fallocate(fd, 0, (off_t)bytes); /* a full disk is no SIGBUS later */
    if (errno == 0)
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        (void)unlink(path);
    io_close(fd);
    return base;
}

int board_init(struct board *board, const char *path, struct running_set *running,
               struct pending_queue *queue, size_t max_running, size_t max_pending)
{
    size_t report_distance = whole_pages(sizeof(struct report));
    size_t reports_at = whole_pages(sizeof(struct board_header));
    size_t members_at = reports_at + max_running * report_distance;
    size_t ring_at = members_at + whole_pages(max_running * sizeof(struct running));
    size_t bytes = ring_at + whole_pages(max_pending * sizeof(struct pending));
    unsigned char *base = map(path, bytes);

    if (base == MAP_FAILED)
        return -1;
    *board = (struct board){
        .header = (struct board_header *)(void *)base,
        .reports = base + reports_at,
        .report_distance = report_distance,
        .bytes = bytes,
    };
    *board->header = (struct board_header){
        .magic = BOARD_MAGIC,
        .bytes = bytes,
        .report_size = sizeof(struct report),
        .running_size = sizeof(struct running),
        .pending_size = sizeof(struct pending),
        .max_running = max_running,
        .max_pending = max_pending,
        .reports_at = reports_at,
        .members_at = members_at,
        .ring_at = ring_at,
        .report_distance = report_distance,
        .began_ns = io_now_ns(),
        .began_wall_ns = io_wall_ns(),
        .pid = (uint32_t)getpid(),
    };
    (void)snprintf(board->header->kind, sizeof board->header->kind, "%s", worker_kind);
    running_init(running, (struct running *)(void *)(base + members_at), max_running);
    pending_init(queue, (struct pending *)(void *)(base + ring_at), max_pending);
    return 0;
}

void board_free(struct board *board)
{
    if (board->header != NULL)
        munmap(board->header, board->bytes);
    *board = (struct board){.header = NULL};
}

struct report *board_report(const struct board *board, size_t slot)
{
    return (struct report *)(void *)(board->reports + slot * board->report_distance);
}

void board_begin_change(struct board *board)
{
    __atomic_fetch_add(&board->header->sequence, 1, __ATOMIC_ACQ_REL);
}

void board_end_change(struct board *board, const struct running_set *running,
                      const struct pending_queue *queue)
{
    struct board_header *header = board->header;

    header->running_count = running->count;
    header->queue_head = queue->head;
    header->queue_count = queue->count;
    __atomic_fetch_add(&header->sequence, 1, __ATOMIC_ACQ_REL);
}

int board_keep_only(const struct board *board, size_t slot)
{
    unsigned char *base = (unsigned char *)board->header;
    unsigned char *mine = (unsigned char *)board_report(board, slot);
    unsigned char *rest = mine + board->report_distance;

    /* Each fails where it would make a mapping too many (munmap(2), ENOMEM). */
    if (munmap(base, (size_t)(mine - base)) < 0)
        return -1;
    return munmap(rest, board->bytes - (size_t)(rest - base));
}
