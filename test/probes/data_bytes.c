/* data_bytes.c - how much of a file was written, holes and blocks only set aside not counted.
 *
 * Used by: sizes.bats, as build/test/data_bytes.
 * Usage:   data_bytes FILE
 * Prints:  the number of bytes that lseek(2) calls data (SEEK_DATA). All others read as zeros:
 *          holes, and what fallocate(2) set aside and nobody wrote.
 * Exit:    0 printed, 1 an error (stderr says which), 2 wrong usage. */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

enum { WENT_WELL = 0, FAILED = 1, WRONG_USAGE = 2 };

/* Returns the bytes of data, or -1 with errno. */
static intmax_t count_data(int fd)
{
    intmax_t bytes = 0;
    off_t end = 0;
    for (;;) {
        off_t start = lseek(fd, end, SEEK_DATA);
        if (start < 0) /* ENXIO: no data from here on */
            return errno == ENXIO ? bytes : -1;
        end = lseek(fd, start, SEEK_HOLE);
        if (end < 0)
            return -1;
        bytes += end - start;
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: data_bytes FILE\n", stderr);
        return WRONG_USAGE;
    }
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    intmax_t bytes = fd < 0 ? -1 : count_data(fd);
    if (bytes < 0) {
        fprintf(stderr, "data_bytes: %s: %s\n", argv[1], strerror(errno));
        return FAILED;
    }
    close(fd);
    printf("%jd\n", bytes);
    return WENT_WELL;
}
