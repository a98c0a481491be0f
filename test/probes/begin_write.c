/* begin_write.c - begins to write to a board, as a server does, or ends.
 *
 * Used by: test/ferrytop.bats, as build/test/begin_write.
 * Usage:   begin_write BOARD   counts its sequence up: to an odd number, then to an even one
 * Exit:    0 it is odd now, 1 it is even, 2 it could not be done. */
#include "record/board.h"

#include <fcntl.h>
#include <unistd.h>

enum { BEGUN = 0, ENDED = 1, UNDONE = 2 };

int main(int argc, char **argv)
{
    const off_t at = offsetof(struct board_header, sequence);
    int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
    uint64_t sequence;

    if (fd < 0 || pread(fd, &sequence, sizeof sequence, at) != (ssize_t)sizeof sequence) {
        fputs("usage: begin_write BOARD\n", stderr);
        return UNDONE;
    }
    sequence++;
    if (pwrite(fd, &sequence, sizeof sequence, at) != (ssize_t)sizeof sequence)
        return UNDONE;
    return sequence % 2 != 0 ? BEGUN : ENDED;
}
