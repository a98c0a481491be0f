/* board.c - one piece of memory that says who runs, who waits, and what each worker does.
 *
 * Runs in: the parent. */
#include "record/board.h"

#include "common/io.h"
#include "common/log.h"
#include "manager/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long the file waits for the next change at least, and stays as it is at most while somebody
 * runs, whose worker changes its report without a word. */
enum { CHANGED_MS = 100, RUNNING_MS = 250 };

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

/* Makes the file, with room for `bytes`. Returns a descriptor, or -1 with errno. */
static int create_file(const char *path, size_t bytes)
{
    struct stat st;

    /* A new file, not the old one emptied: somebody may be looking at that. */
    if (lstat(path, &st) == 0 && !(S_ISREG(st.st_mode) && is_board(path))) {
        errno = EEXIST;
        return -1;
    }
    if (unlink(path) < 0 && errno != ENOENT)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    errno = posix_fallocate(fd, 0, (off_t)bytes); /* so that a full disk is told at the start */
    if (errno == 0)
        return fd;
    (void)unlink(path);
    io_close(fd);
    return -1;
}

int board_init(struct board *board, const char *path, struct running_set *running,
               struct pending_queue *queue, size_t max_running, size_t max_pending)
{
    size_t report_distance = whole_pages(sizeof(struct report));
    size_t reports_at = whole_pages(sizeof(struct board_header));
    size_t members_at = reports_at + max_running * report_distance;
    size_t ring_at = members_at + whole_pages(max_running * sizeof(struct running));
    size_t bytes = ring_at + whole_pages(max_pending * sizeof(struct pending));
    unsigned char *base =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        return -1;
    *board = (struct board){
        .header = (struct board_header *)(void *)base,
        .reports = base + reports_at,
        .report_distance = report_distance,
        .bytes = bytes,
        .path = path,
        .fd = path == NULL ? -1 : create_file(path, bytes),
    };
    if (path != NULL && board->fd < 0)
        return -1;
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
    if (board->header == NULL)
        return;
    munmap(board->header, board->bytes);
    io_close(board->fd);
    *board = (struct board){.header = NULL, .fd = -1};
}

struct report *board_report(const struct board *board, size_t slot)
{
    return (struct report *)(void *)(board->reports + slot * board->report_distance);
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

/* ---- the file ---- */

/* Returns false with errno. */
static bool put(const struct board *board, uint64_t offset, const void *data, size_t len)
{
    if (len == 0)
        return true;
    ssize_t written = io_pwrite(board->fd, data, len, (off_t)offset);
    if (written >= 0 && (size_t)written < len)
        errno = ENOSPC; /* what keeps a write(2) short says so at the next one */
    return written == (ssize_t)len;
}

static bool put_sequence(const struct board *board)
{
    return put(board, offsetof(struct board_header, sequence), &board->header->sequence,
               sizeof board->header->sequence);
}

typedef unsigned long __attribute__((may_alias)) report_word;
enum { REPORT_WORDS = sizeof(struct report) / sizeof(report_word) };
_Static_assert(REPORT_WORDS * sizeof(report_word) == sizeof(struct report), "whole words");

/* Its worker may be writing to it: whoever reads the file must take it for what it is
 * (report_read()). A word is whole, and read once; the thread sanitizer need not tell. */
__attribute__((no_sanitize("thread"))) static bool put_report(const struct board *board,
                                                              size_t slot)
{
    const volatile report_word *shared = (const void *)board_report(board, slot);
    report_word copy[REPORT_WORDS];

    for (size_t i = 0; i < REPORT_WORDS; i++)
        copy[i] = shared[i];
    return put(board, board->header->reports_at + slot * board->report_distance, copy, sizeof copy);
}

static bool put_waiting(const struct board *board, const struct pending_queue *queue)
{
    const uint64_t ring_at = board->header->ring_at;
    const size_t size = sizeof *queue->ring, to_end = queue->capacity - queue->head;
    const size_t count = queue->count < BOARD_WAITING_MAX ? queue->count : BOARD_WAITING_MAX;
    const size_t first = count < to_end ? count : to_end;

    return put(board, ring_at + queue->head * size, queue->ring + queue->head, first * size) &&
           put(board, ring_at, queue->ring, (count - first) * size);
}

/* What is in use, and the last byte: somebody may have cut the file short. */
static bool put_all(const struct board *board, const struct running_set *running,
                    const struct pending_queue *queue)
{
    const struct board_header *header = board->header;
    const unsigned char *last = (const unsigned char *)header + board->bytes - 1;
    bool done = put(board, 0, header, sizeof *header) &&
                put(board, header->members_at, running->members,
                    running->count * sizeof *running->members) &&
                put_waiting(board, queue) && put(board, board->bytes - 1, last, 1);

    for (size_t i = 0; i < running->count && done; i++)
        done = put_report(board, running->members[i].slot);
    return done;
}

void board_write(struct board *board, const struct running_set *running,
                 const struct pending_queue *queue)
{
    struct board_header *header = board->header;

    if (board->fd < 0)
        return;
    header->running_count = running->count;
    header->queue_head = queue->head;
    header->queue_count = queue->count;
    header->written_ns = io_now_ns();
    header->sequence += 1 + header->sequence % 2; /* odd, also where it is from a failure */
    bool done = put_sequence(board) && put_all(board, running, queue);
    if (done) {
        header->sequence++;
        done = put_sequence(board);
    }
    if (!done && !board->failing)
        log_error("cannot write the board %s: %s; serving goes on", board->path, strerror(errno));
    board->failing = !done;
    board->changed = false;
    board->written_ms = io_now_ms();
}

/* The io_now_ms() at which it is to be written next. */
static int64_t due_ms(const struct board *board, const struct running_set *running)
{
    if (board->changed)
        return board->written_ms + CHANGED_MS;
    if (running->count > 0 || board->failing)
        return board->written_ms + RUNNING_MS;
    return INT64_MAX;
}

int board_keep_up(struct board *board, const struct running_set *running,
                  const struct pending_queue *queue, int most_ms)
{
    const int64_t now_ms = io_now_ms();

    if (board->fd < 0)
        return most_ms;
    if (due_ms(board, running) <= now_ms)
        board_write(board, running, queue);
    const int64_t left_ms = due_ms(board, running) - now_ms;
    return left_ms < most_ms ? (int)left_ms : most_ms;
}
