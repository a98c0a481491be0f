/* bare_thread.c - the least server with a thread for each client, to measure ferryd-threads
 * against.
 *
 * Used by: scripts/bench and scripts/count-calls, as build/bench/bare_thread (and -static, -musl).
 * Usage:   bare_thread [-s] DIR [CAP]; bare.h says what it does not do.
 * Runs until a signal ends it. */
#include "bare.h"

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK_BYTES = 256 * 1024 }; /* an upload's block and some */

static struct bare bare;
static sem_t room; /* how many more may be served now */

static void *serve(void *fd)
{
    bare_serve(&bare, (int)(intptr_t)fd, (int)(intptr_t)fd);
    close((int)(intptr_t)fd);
    sem_post(&room);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_attr_t attributes;
    pthread_t thread;

    bare = bare_start(argc, argv);
    if (sem_init(&room, 0, bare.cap) < 0 || pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) != 0 ||
        pthread_attr_setstacksize(&attributes, STACK_BYTES) != 0)
        return EXIT_FAILURE;
    for (;;) {
        int fd = accept(bare.listen_fd, NULL, NULL);
        while (sem_wait(&room) < 0)
            ;
        void *number = (void *)(intptr_t)fd; /* NOLINT(performance-no-int-to-ptr) */
        if (pthread_create(&thread, &attributes, serve, number) != 0)
            close(fd);
    }
}
