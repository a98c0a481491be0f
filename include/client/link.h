/* link.h - the client's end of a conversation with a server. */
#ifndef FERRY_LINK_H
#define FERRY_LINK_H

#include "client/client_options.h"
#include "client/progress.h"
#include "common/io.h"

struct link {
    const struct client_options *options;
    const char *name;      /* the file, as on the command line; borrowed */
    const char *wire_name; /* what the server was asked for; borrowed; NULL: nothing yet */
    struct io_conn conn;
    struct progress progress;
    int64_t began_ms;
    bool told_wait;        /* that it takes long was said */
    char server_name[256]; /* "HOST port PORT", for messages */
};

/* Every call here that fails has said so, in one line on standard error, and returns -1. Where
 * the command line names several files, the line says which one it is about. */

/* Connects and waits for READY, that is, for our turn. link_close() closes. */
int link_open(struct link *link, const struct client_options *options, const char *name);

/* Sends the request for `wire_name`. */
int link_request(struct link *link, const char *wire_name);

int link_send(struct link *link, const void *data, size_t len);

/* Reads the server's `word`, or its ERROR, which is a failure. `what` it is to us, for the message
 * that it did not come within --timeout. */
int link_expect(struct link *link, const char *word, const char *what);

/* Reads the DONE for `size` bytes that were sent. The server makes them durable first, which takes
 * an honest disk longer the more they are: it has --timeout and a second for each MiB. */
int link_expect_stored(struct link *link, uint64_t size);

/* Reads a size. */
int link_read_size(struct link *link, uint64_t *size);

/* For a transfer that ended with `error` (errno), or with 0 because the peer spoke in the middle
 * of it: says what the peer said, or else how it is gone. Always -1. */
int link_explain(struct link *link, int error);

void link_close(struct link *link);

#endif
