/* make_names.c - fills a directory with very many names, in an order that is not theirs.
 *
 * Used by: test/http_listing.bats, as build/test/make_names.
 * Usage:   make_names DIR COUNT PREFIX   PREFIX000001, ... up to COUNT, each an empty file
 * Exit:    0 they are there, 1 that failed, 2 wrong usage.
 *
 * They are links to few files: to make a file takes a filesystem ten times as long, and to make one
 * where as many have just been deleted, a hundred times (ext4). */
#define _GNU_SOURCE 1 /* NOLINT: feature_test_macros(7) */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A prime number: its multiples come to every number below any count that it does not divide. */
enum { STRIDE = 7919 };

static int make(int dir_fd, const char *first, const char *name)
{
    if (first[0] != '\0' && linkat(dir_fd, first, dir_fd, name, 0) == 0)
        return 1;
    /* The first, or one too many for a file (link(2), EMLINK), or a filesystem without links. */
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    char first[NAME_MAX + 1] = "", name[NAME_MAX + 1];
    unsigned long count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    int dir_fd = argc == 4 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (dir_fd < 0 || count == 0 || count % STRIDE == 0 || count > ULONG_MAX / STRIDE) {
        fputs("usage: make_names DIR COUNT PREFIX\n", stderr);
        return 2;
    }
    for (unsigned long i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "%s%06lu", argv[3], i * STRIDE % count + 1);
        int made = make(dir_fd, first, name);
        if (made < 0) {
            perror(name);
            return 1;
        }
        if (made == 0)
            (void)snprintf(first, sizeof first, "%s", name);
    }
    return 0;
}
