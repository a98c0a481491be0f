/* sees_change.c - can whoever reads a server's board tell that it is being written just now?
 *
 * Used by: test/ferrytop.bats, as build/test/sees_change.
 * Usage:   sees_change BOARD CHANGES
 * Exit:    0 it can: the sequence was odd once; 1 it was not, while there were so many changes;
 *          2 wrong usage, no such file, or not so many changes. */
#include "record/board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SEEN = 0, NEVER_SEEN = 1, UNTRIED = 2, PATIENCE_S = 60 };

static const struct board_header *map(const char *path)
{
    int fd = open(path, O_RDONLY);
    void *base =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct board_header), PROT_READ, MAP_SHARED, fd, 0);
    return base == MAP_FAILED ? NULL : base;
}

int main(int argc, char **argv)
{
    const struct board_header *board = argc == 3 ? map(argv[1]) : NULL;
    const time_t until = time(NULL) + PATIENCE_S;

    if (board == NULL) {
        fputs("usage: sees_change BOARD CHANGES\n", stderr);
        return UNTRIED;
    }
    const uint64_t first = __atomic_load_n(&board->sequence, __ATOMIC_ACQUIRE);
    const uint64_t last = first + 2 * strtoull(argv[2], NULL, 10);
    while (time(NULL) < until) {
        uint64_t now = __atomic_load_n(&board->sequence, __ATOMIC_ACQUIRE);
        for (int i = 0; i < 10000 && now % 2 == 0 && now < last; i++)
            now = __atomic_load_n(&board->sequence, __ATOMIC_ACQUIRE);
        if (now % 2 != 0)
            return SEEN;
        if (now >= last) {
            fprintf(stderr, "sees_change: %s changes, and none was seen\n", argv[2]);
            return NEVER_SEEN;
        }
    }
    fputs("sees_change: the board does not change\n", stderr);
    return UNTRIED;
}
