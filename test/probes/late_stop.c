/* late_stop.c - does a thread's worker_stop(), called when it has ended, reach somebody else's fd?
 *
 * Used by: test/shutdown.bats, as build/test/late_stop. Linked with worker_thread.o, whose manager
 *          and session this file plays: in the server nobody can get between the two steps.
 * Exit:    0 it does not, 1 it does, 2 it could not be tried. */
#include "common/io.h"
#include "manager/worker.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, HARMLESS = 0, HARMFUL = 1, UNTRIED = 2 };

/* At once over. */
static void run(const struct session_config *config, int fd, struct claims *claims)
{
    (void)config;
    (void)fd;
    (void)claims;
}

static const struct service nothing = {.name = "nothing", .run = run};

static int untried(const char *what)
{
    perror(what);
    return UNTRIED;
}

int main(void)
{
    int ended[2], next[2];
    struct session_config config = {.root_fd = -1};
    struct worker_end end;
    char byte;
    struct claims_pages pages;
    sigset_t mask;

    sigemptyset(&mask);
    if (claims_open(&pages, 1) < 0)
        return untried("claims_open");
    int wake_fd = worker_init(&config, NULL, &pages, &mask);
    if (wake_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ended) < 0)
        return untried("socketpair");
    const int number = ended[0];
    struct pending client = {.fd = number, .service = &nothing};
    worker_id id = worker_start(&client, 0, client.fd);
    struct pollfd slot = {.fd = wake_fd, .events = POLLIN};
    if (id < 0 || poll(&slot, 1, PATIENCE_MS) != 1)
        return untried("worker_start");
    /* It has ended, and is not reaped. The next descriptor is the one it had. */
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, next) < 0 || next[0] != number)
        return untried("the number's next owner");
    worker_stop(id, true);
    bool harmful = recv(next[0], &byte, 1, MSG_DONTWAIT) == 0;
    if (!worker_reap(&end) || end.id != id)
        return untried("worker_reap");
    if (harmful)
        fputs("late_stop: the next owner's connection was shut down\n", stderr);
    return harmful ? HARMFUL : HARMLESS;
}
