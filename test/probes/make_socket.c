/* make_socket.c - leaves a Unix socket at a path: no tool of coreutils can.
 *
 * Used by: confinement.bats, as build/test/make_socket.
 * Usage:   make_socket PATH
 * Exit:    0 made, 1 not (stderr says why), 2 wrong usage. */

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WENT_WELL = 0, FAILED = 1, WRONG_USAGE = 2 };

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2) {
        fputs("usage: make_socket PATH\n", stderr);
        return WRONG_USAGE;
    }
    /* The path is relative to its directory, because an address has little room. */
    char *name = strrchr(argv[1], '/');
    if (name != NULL) {
        *name++ = '\0';
        if (chdir(argv[1]) != 0)
            name = NULL;
    } else {
        name = argv[1];
    }
    int fd = name == NULL ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && snprintf(address.sun_path, sizeof address.sun_path, "%s", name) > 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        close(fd);
        return WENT_WELL;
    }
    fprintf(stderr, "make_socket: %s: %s\n", argv[1], strerror(errno));
    return FAILED;
}
