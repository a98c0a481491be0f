/* acceptor.h - the listening sockets, and the pending-client records made from them. */
#ifndef FERRY_ACCEPTOR_H
#define FERRY_ACCEPTOR_H

#include "manager/pending.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ACCEPTOR_ADDRESSES_MAX = 8, /* of one name */
    ACCEPTOR_LISTENERS_MAX = 2 * ACCEPTOR_ADDRESSES_MAX
};

struct listener {
    int fd;                        /* owned */
    unsigned port;                 /* the one bound, also where 0 was asked for */
    const struct service *service; /* of whoever comes here; borrowed */
};

struct acceptor {
    struct listener listeners[ACCEPTOR_LISTENERS_MAX];
    size_t count;    /* 0 at first */
    uint64_t serial; /* of the last client accepted */
};

/* Listens for clients of `service` on `port` (0: a free one) of `address` (a host name or number),
 * or of every address, IPv4 and IPv6, where it is NULL, besides where it listens already. Accepted
 * sockets inherit io_prepare_socket() and a keepalive of `timeout_ms`. Where the service's clients
 * begin, those who say nothing are taken in after some `silent_ms` only. Returns NULL, or the
 * reason as text; then no listener has been added. */
const char *acceptor_open(struct acceptor *acceptor, const struct service *service,
                          const char *address, unsigned port, int timeout_ms, int silent_ms);

enum accept_result {
    ACCEPT_CLIENT, /* `client` is filled in, and owns the connection */
    ACCEPT_NONE,   /* nobody is there at the moment */
    ACCEPT_LOST,   /* one left before it could be taken; others may be there */
    ACCEPT_STARVED /* out of descriptors or memory (errno); whoever is there keeps waiting */
};

/* Takes the next client from one listener. Starts nothing and never waits. */
enum accept_result acceptor_take(struct acceptor *acceptor, const struct listener *listener,
                                 struct pending *client);

void acceptor_close(struct acceptor *acceptor);

#endif
