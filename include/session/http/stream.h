/* stream.h - the body of an answer that is made while it is sent, of a length that nobody knows
 * before (RFC 9112 section 6).
 *
 * What fits in the memory given is sent as a whole, with its length. What does not is sent as it
 * comes: in chunks, whose last one says that all of it has come; to a client of HTTP/1.0, up to the
 * end of the connection. */
#ifndef FERRY_HTTP_STREAM_H
#define FERRY_HTTP_STREAM_H

#include "common/pace.h"
#include "session/http/answer.h"

enum { STREAM_BYTES_MIN = 4 * 1024 };

struct stream {
    struct exchange *x;    /* borrowed, and so are these two: */
    struct answer *answer; /* the head, up to the fields that say how long the body is */
    char *bytes;           /* what is not sent yet, */
    size_t room, len;      /* with room around it for a chunk's size */
    bool begun;            /* the head has been sent: there is no other answer any more */
    bool over;             /* nothing more is of use: the client has what it wants, or is gone */
    int error;             /* errno of why it is gone; 0: it is not */
    uint64_t made;         /* bytes of the body */
    uint64_t sent;         /* bytes given to the socket, framing included */
    struct pace pace;      /* from the head on */
};

/* Begins the answer 200 whose head is `answer`; `memory` has STREAM_BYTES_MIN bytes at least. There
 * is nothing to close. */
void stream_begin(struct stream *stream, struct exchange *x, struct answer *answer, void *memory,
                  size_t bytes);

/* Adds to the body. Where that fails, nothing is added from then on, and stream_end() tells. */
void stream_put(struct stream *stream, const void *bytes, size_t len);
void stream_put_text(struct stream *stream, const char *text);

/* The body is whole; or the answer is broken off by never calling this. Returns 0, or -1 with
 * errno: ETIMEDOUT, ETIME, or send(2)'s. */
int stream_end(struct stream *stream);

#endif
