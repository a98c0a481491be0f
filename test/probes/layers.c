/* layers.c - runs a command inside Landlock layers (landlock(7)), of which there can be 16.
 *
 * Used by: sandbox.bats, as build/test/layers.
 * Usage:   layers COUNT COMMAND [ARG...]
 * Exit:    the command's; 1 Landlock is not there, or the command; 2 wrong usage.
 *
 * Each layer forbids to make block devices, and nothing that anybody here does. */
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CREATE = 444, RESTRICT = 446, MAKE_BLOCK = 1 << 11 };

static int add_layer(void)
{
    const uint64_t handled = MAKE_BLOCK;
    int ruleset_fd = (int)syscall(CREATE, &handled, sizeof handled, 0);

    if (ruleset_fd < 0 || syscall(RESTRICT, ruleset_fd, 0) < 0)
        return -1;
    return close(ruleset_fd);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: layers COUNT COMMAND [ARG...]\n", stderr);
        return 2;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        perror("layers: no_new_privs");
        return 1;
    }
    for (long count = strtol(argv[1], NULL, 10); count > 0; count--) {
        if (add_layer() < 0) {
            perror("layers: landlock");
            return 1;
        }
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 1;
}
