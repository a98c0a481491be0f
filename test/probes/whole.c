/* whole.c - reads a file over and over while others replace it, and tells whether it was ever torn.
 *
 * Used by: put_atomic.bats, fallback.bats, as build/test/whole.
 * Usage:   whole PATH VERSION...     until standard input ends
 *          PATH must be there at every reading, and be byte for byte one of the VERSION files.
 *          A reading takes many small read(2)s, so that a write in its middle shows.
 * Prints:  READINGS readings of SEEN versions
 * Exit:    0 every reading was whole, 1 one was not (stderr says how), 2 wrong usage. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL_WHOLE = 0, TORN = 1, WRONG_USAGE = 2 };
enum { PIECE_BYTES = 4096, READING_GAP_MS = 1 };

struct content {
    char *bytes;
    size_t len;
    bool seen;
};

/* Reads what `fd` holds, up to `room` bytes. Returns 0, or -1 with errno. */
static int read_pieces(int fd, struct content *content, size_t room)
{
    content->len = 0;
    while (content->len < room) {
        size_t left = room - content->len;
        ssize_t n =
            read(fd, content->bytes + content->len, left < PIECE_BYTES ? left : PIECE_BYTES);
        if (n <= 0)
            return (int)n;
        content->len += (size_t)n;
    }
    return 0;
}

/* Reads `path` into `content`, which has room for `room` bytes. Returns 0, or -1 with errno. */
static int read_file(const char *path, struct content *content, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int outcome = read_pieces(fd, content, room);
    int saved = errno;
    close(fd);
    errno = saved;
    return outcome;
}

static int load_version(const char *path, struct content *version)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -1;
    size_t room = (size_t)st.st_size + 1;
    version->bytes = malloc(room);
    return version->bytes == NULL ? -1 : read_file(path, version, room);
}

static bool is_one_of(const struct content *now, struct content *versions, int count)
{
    for (int i = 0; i < count; i++) {
        if (now->len != versions[i].len || memcmp(now->bytes, versions[i].bytes, now->len) != 0)
            continue;
        versions[i].seen = true;
        return true;
    }
    return false;
}

/* Waits a moment, too: the readers are many, the processors few. */
static bool told_to_stop(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, READING_GAP_MS) > 0;
}

/* Reads until told to stop. Returns the number of readings, or -1 having said what was wrong. */
static intmax_t watch(const char *path, struct content *versions, int count)
{
    size_t room = 1; /* one byte more than the longest, so that a longer file shows */
    intmax_t readings = 0;
    for (int i = 0; i < count; i++)
        room = versions[i].len >= room ? versions[i].len + 1 : room;
    struct content now = {.bytes = malloc(room)};
    if (now.bytes == NULL)
        return -1;
    while (readings == 0 || !told_to_stop()) {
        readings++;
        if (read_file(path, &now, room) != 0) {
            fprintf(stderr, "whole: reading %jd: %s: %s\n", readings, path, strerror(errno));
            readings = -1;
            break;
        }
        if (!is_one_of(&now, versions, count)) {
            fprintf(stderr, "whole: reading %jd: %zu bytes that are no version of %s\n", readings,
                    now.len, path);
            readings = -1;
            break;
        }
    }
    free(now.bytes);
    return readings;
}

static int count_seen(const struct content *versions, int count)
{
    int seen = 0;
    for (int i = 0; i < count; i++)
        seen += versions[i].seen;
    return seen;
}

int main(int argc, char **argv)
{
    int count = argc - 2;
    intmax_t readings = 0;
    if (count < 1) {
        fputs("usage: whole PATH VERSION...\n", stderr);
        return WRONG_USAGE;
    }
    struct content *versions = calloc((size_t)count, sizeof *versions);
    for (int i = 0; i < count && versions != NULL && readings == 0; i++) {
        if (load_version(argv[2 + i], &versions[i]) != 0) {
            fprintf(stderr, "whole: %s: %s\n", argv[2 + i], strerror(errno));
            readings = -1;
        }
    }
    if (versions != NULL && readings == 0)
        readings = watch(argv[1], versions, count);
    if (readings > 0)
        printf("%jd readings of %d versions\n", readings, count_seen(versions, count));
    for (int i = 0; i < count && versions != NULL; i++)
        free(versions[i].bytes);
    free(versions);
    return readings > 0 ? ALL_WHOLE : TORN;
}
