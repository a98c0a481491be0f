/* swap.c - exchanges two names over and over, to race against whoever looks them up.
 *
 * Used by: confinement.bats, fallback.bats, corpus.bats, as build/test/swap.
 * Usage:   swap A B [COUNT]     until standard input ends or has something to read
 * Prints:  "COUNT reached" when it is; in the end, SWAPS swaps
 * Exit:    0 done, 1 a rename failed (stderr says why), 2 wrong usage.
 *
 * RENAME_EXCHANGE (rename(2)) is atomic: both names are there at every instant. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WENT_WELL = 0, RENAME_FAILED = 1, WRONG_USAGE = 2 };

static bool told_to_stop(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

int main(int argc, char **argv)
{
    intmax_t swaps = 0;
    if (argc != 3 && argc != 4) {
        fputs("usage: swap A B [COUNT]\n", stderr);
        return WRONG_USAGE;
    }
    intmax_t wanted = argc == 4 ? strtoimax(argv[3], NULL, 10) : -1;
    while (!told_to_stop()) {
        if (syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) != 0) {
            fprintf(stderr, "swap: %s and %s: %s\n", argv[1], argv[2], strerror(errno));
            return RENAME_FAILED;
        }
        if (++swaps == wanted) {
            printf("%jd reached\n", swaps);
            (void)fflush(stdout);
        }
    }
    printf("%jd swaps\n", swaps);
    return WENT_WELL;
}
