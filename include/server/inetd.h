/* inetd.h - serving one client that somebody else has accepted: --inetd. */
#ifndef FERRY_INETD_H
#define FERRY_INETD_H

#include "server/options.h"

struct inetd_client {
    int fd;            /* the connection, above standard error; owned; -1: none */
    const char *wrong; /* what is wrong with descriptor 0; NULL: nothing */
};

/* Where --inetd is among the words of the command line, takes the client's socket away from
 * descriptor 0, and closes whichever of 0, 1 and 2 is that socket: xinetd and inetd put it on all
 * three, and not even a word about a wrong option may reach the client. So this comes before
 * anything that may print, and io_fill_standard_fds() after it. A file or a terminal stays where it
 * is. */
void inetd_take(struct inetd_client *client, int argc, char **argv);

/* Serves this client as a worker of the server would, and closes the connection. It starts no
 * process and no thread. Returns 0, however the client was served, also where --allow does not let
 * it in; or -1 where there was none to serve, or no way to, and why was said on standard error,
 * which gets the lines of -v, too. */
int inetd_serve(struct inetd_client *client, const struct options *options);

#endif
