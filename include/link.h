/* link.h - the client's end of a conversation with a server. */
#ifndef FERRY_LINK_H
#define FERRY_LINK_H

#include "client_options.h"
#include "io.h"
#include "progress.h"

struct link {
    const struct client_options *options;
    struct io_conn conn;
    bool ready; /* READY has come */
    struct progress progress;
    char server_name[256]; /* "HOST port PORT", for messages */
};

/* Every call here that fails has said so, in one line on standard error, and returns -1. */

/* Connects and waits for READY, that is, for our turn. link_close() closes. */
int link_open(struct link *link, const struct client_options *options);

/* Sends the request for `name`. */
int link_request(struct link *link, const char *name);

int link_send(struct link *link, const void *data, size_t len);

/* Reads the server's `word`, or its ERROR, which is a failure. */
int link_expect(struct link *link, const char *word);

/* Reads a size. */
int link_read_size(struct link *link, uint64_t *size);

/* For a connection that failed (errno) or a peer that spoke in the middle of a transfer: what it
 * says, or else that it is gone. Always -1. */
int link_explain(struct link *link, int error);

void link_close(struct link *link);

/* One line on standard error: "client error: ...", with control bytes escaped: names come from
 * command lines and peers. Returns -1. */
__attribute__((format(printf, 1, 2))) int client_error(const char *format, ...);

#endif
