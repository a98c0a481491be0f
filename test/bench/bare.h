/* bare.h - the least code that can carry the dialogue of docs/protocol.md, GET and PUT.
 *
 * What ferry's own servers are measured against. There are no options, no deadlines and no checks
 * here, and no promise is kept, unless `promises` is set: then every call is made that the promises
 * need (promises.h), and nothing else. It is for honest clients only: never serve anybody with it.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdbool.h>
#include <stdint.h>

struct bare {
    int root_fd;   /* what is served */
    int listen_fd; /* -1: there is one client, on standard input */
    unsigned cap;  /* clients at once */
    bool durable;  /* an upload is flushed, gets its name, and the folder is flushed: staged.c */
    bool promises; /* only in bare_fork */
};

/* Reads the arguments, opens the folder, listens on a free port of 127.0.0.1 and prints it. Where
 * something is wrong it says so and ends the process: status 2 for wrong usage, 1 for the rest. */
struct bare bare_start(int argc, char **argv);

/* One conversation; closes nothing. Whatever goes wrong ends it. */
void bare_serve(const struct bare *bare, int in_fd, int out_fd);

/* Gives a nameless file a name; the way around is for kernels before 6.10, where an ordinary user
 * may not do it directly (open(2), O_TMPFILE). Returns 0, or -1 with errno. */
int bare_link(int file_fd, int dir_fd, const char *name);

#endif
