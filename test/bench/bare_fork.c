/* bare_fork.c - the least server that forks a child for each client, to measure ferryd against.
 *
 * Used by: scripts/bench and scripts/count-calls, as build/bench/bare_fork (and -static, -musl).
 * Usage:   bare_fork [-i] [-p] [-s] DIR [CAP]; bare.h says what it does not do.
 * Runs until a signal ends it. With -p it is promises.c that serves. */
#include "bare.h"
#include "promises.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Collects those that have ended, and waits for one where there are as many as there may be. */
static unsigned reap(unsigned running, unsigned cap)
{
    while (running > 0 && waitpid(-1, NULL, running < cap ? WNOHANG : 0) > 0)
        running--;
    return running;
}

int main(int argc, char **argv)
{
    struct bare bare = bare_start(argc, argv);

    if (bare.listen_fd < 0) {
        bare_serve(&bare, STDIN_FILENO, STDOUT_FILENO);
        return EXIT_SUCCESS;
    }
    if (bare.promises)
        promises_run(&bare);
    for (unsigned running = 0;; running++) {
        int fd = accept(bare.listen_fd, NULL, NULL);
        running = reap(running, bare.cap);
        if (fork() == 0) {
            bare_serve(&bare, fd, fd);
            _exit(0);
        }
        close(fd);
    }
}
