/* acceptor.h - the listening sockets, and the pending-client records made from them. */
#ifndef FERRY_ACCEPTOR_H
#define FERRY_ACCEPTOR_H

#include "manager/pending.h"

#include <stddef.h>
#include <stdint.h>

enum { ACCEPTOR_LISTENERS_MAX = 8 };

struct acceptor {
    int listen_fds[ACCEPTOR_LISTENERS_MAX]; /* owned */
    size_t count;
    unsigned port;   /* the one bound, also where 0 was asked for */
    uint64_t serial; /* of the last client accepted */
};

/* Listens on `port` (0: a free one) of `address` (a host name or number), or of every address,
 * IPv4 and IPv6, where it is NULL. Accepted sockets inherit io_prepare_socket() and a
 * keepalive of `timeout_ms`. Returns NULL, or the reason as text; then nothing is open. */
const char *acceptor_open(struct acceptor *acceptor, const char *address, unsigned port,
                          int timeout_ms);

enum accept_result {
    ACCEPT_CLIENT, /* `client` is filled in, and owns the connection */
    ACCEPT_NONE,   /* nobody is there at the moment */
    ACCEPT_LOST,   /* one left before it could be taken; others may be there */
    ACCEPT_STARVED /* out of descriptors or memory (errno); whoever is there keeps waiting */
};

/* Takes the next client from one listening socket. Starts nothing and never waits. */
enum accept_result acceptor_take(struct acceptor *acceptor, int listen_fd, struct pending *client);

void acceptor_close(struct acceptor *acceptor);

#endif
