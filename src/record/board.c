/* board.c - a look at who runs and who waits, kept in a file for ferrytop.
 *
 * Runs in: the parent. */
#include "record/board.h"

#include "common/io.h"
#include "common/log.h"
#include "common/memory.h"
#include "record/claims_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long the file waits for the next change at least, and stays as it is at most while somebody
 * runs, whose worker changes its claims without a word. */
enum { CHANGED_MS = 100, RUNNING_MS = 250 };

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
static int create_file(const char *path, mode_t mode, size_t bytes)
{
    struct stat st;

    /* A new file, not the old one emptied: somebody may be looking at that. */
    if (lstat(path, &st) == 0 && !(S_ISREG(st.st_mode) && is_board(path))) {
        errno = EEXIST;
        return -1;
    }
    if (unlink(path) < 0 && errno != ENOENT)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return -1;
    errno = posix_fallocate(fd, 0, (off_t)bytes); /* so that a full disk is told at the start */
    if (errno == 0)
        return fd;
    (void)unlink(path);
    io_close(fd);
    return -1;
}

static struct board_header *header_of(const struct board *board)
{
    return (struct board_header *)(void *)board->look;
}

int board_open(struct board *board, const char *path, mode_t mode, const struct board_header *of)
{
    size_t running = (size_t)of->max_running;
    size_t waiting =
        of->max_pending < BOARD_WAITING_MAX ? (size_t)of->max_pending : BOARD_WAITING_MAX;
    size_t bytes =
        sizeof *of + running * sizeof(struct board_client) + waiting * sizeof(struct stay);

    *board = (struct board){.path = path, .fd = -1, .bytes = bytes};
    if (path == NULL)
        return 0;
    board->look = memory_private(bytes);
    if (board->look == NULL)
        return -1;
    board->fd = create_file(path, mode, bytes);
    if (board->fd < 0)
        return -1;
    struct board_header *header = header_of(board);
    *header = *of;
    memcpy(header->magic, BOARD_MAGIC, sizeof BOARD_MAGIC);
    header->bytes = bytes;
    header->client_size = sizeof(struct board_client);
    header->stay_size = sizeof(struct stay);
    header->pid = (uint32_t)getpid();
    return 0;
}

void board_close(struct board *board)
{
    memory_free(board->look, board->bytes);
    io_close(board->fd);
    *board = (struct board){.fd = -1};
}

/* ---- a look ---- */

bool board_begin(struct board *board, const struct board_counts *counts)
{
    struct board_header *header = header_of(board);

    if (board->path == NULL)
        return false;
    header->counts = *counts;
    header->waiting_shown = 0;
    header->written_ns = io_now_ns();
    board->len = sizeof *header;
    return true;
}

void board_add_running(struct board *board, const struct stay *stay, const struct claims *shared)
{
    struct board_client *client = (void *)(board->look + board->len);

    client->stay = *stay;
    claims_read(shared, &client->claims);
    board->len += sizeof *client;
}

bool board_add_waiting(struct board *board, const struct stay *stay)
{
    if (header_of(board)->waiting_shown == BOARD_WAITING_MAX)
        return false;
    memcpy(board->look + board->len, stay, sizeof *stay);
    board->len += sizeof *stay;
    header_of(board)->waiting_shown++;
    return true;
}

/* ---- the file ---- */

/* Returns false with errno. */
static bool put(const struct board *board, size_t offset, size_t len)
{
    ssize_t written = io_pwrite(board->fd, board->look + offset, len, (off_t)offset);

    if (written >= 0 && (size_t)written < len)
        errno = ENOSPC; /* what keeps a write(2) short says so at the next one */
    return written == (ssize_t)len;
}

static bool put_sequence(const struct board *board)
{
    return put(board, offsetof(struct board_header, sequence), sizeof header_of(board)->sequence);
}

/* A seqlock, by its writer: nothing of the look may be seen before the odd number, nor the even one
 * before all of it, on a machine that reorders writes, too: hence the barriers. The last byte is
 * for those who cut the file short: it is whole again. */
static bool publish(const struct board *board)
{
    struct board_header *header = header_of(board);

    header->sequence += 1 + header->sequence % 2; /* odd, also where it is from a failure */
    if (!put_sequence(board))
        return false;
    __sync_synchronize();
    if (!put(board, 0, board->len) || !put(board, board->bytes - 1, 1))
        return false;
    __sync_synchronize();
    header->sequence++;
    return put_sequence(board);
}

void board_write(struct board *board)
{
    bool done = publish(board);

    if (!done && !board->failing)
        log_error("cannot write the board %s: %s; serving goes on", board->path, strerror(errno));
    board->failing = !done;
    board->changed = false;
    board->written_ms = io_now_ms();
}

int board_due_in(const struct board *board, bool somebody, int most_ms)
{
    if (board->path == NULL || !(board->changed || somebody || board->failing))
        return most_ms;
    int64_t left_ms = board->written_ms + (board->changed ? CHANGED_MS : RUNNING_MS) - io_now_ms();
    return left_ms < 0 ? 0 : left_ms < most_ms ? (int)left_ms : most_ms;
}
