/* chunks.h - the framing of a body in chunks: no I/O (RFC 9112 section 7.1). */
#ifndef FERRY_HTTP_CHUNKS_H
#define FERRY_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

/* In bytes: of the line before a chunk, which is its size and extensions, with its end; and of all
 * trailers behind the last chunk. Nobody reads either. */
enum { HTTP_CHUNK_LINE_MAX = 1024, HTTP_TRAILERS_MAX = 4 * 1024 };

struct http_chunks {
    unsigned state;
    uint64_t left;   /* of the chunk that is being read, bytes */
    size_t line_len; /* bytes of the line, or of the trailers */
    const char *wrong;
};

enum http_chunks_event {
    HTTP_CHUNKS_MORE, /* all bytes were taken, and were framing */
    HTTP_CHUNKS_DATA, /* `*data_len` bytes at `*data`, in the bytes given, are the body's */
    HTTP_CHUNKS_END,  /* the body is whole */
    HTTP_CHUNKS_WRONG /* `wrong` says why */
};

void http_chunks_init(struct http_chunks *chunks);

/* Reads on, up to the first event. *taken is how many of the `len` bytes were read: on
 * HTTP_CHUNKS_DATA the data are the last of them. Any segmentation of the same bytes gives the same
 * body. */
enum http_chunks_event http_chunks_feed(struct http_chunks *chunks, const char *bytes, size_t len,
                                        size_t *taken, const char **data, size_t *data_len);

#endif
