/* proto.h - the wire protocol's words: parsing and formatting, no I/O (docs/protocol.md). */
#ifndef FERRY_PROTO_H
#define FERRY_PROTO_H

#include <stddef.h>
#include <stdint.h>

#define PROTO_READY "READY"
#define PROTO_OK    "OK"
#define PROTO_DONE  "DONE"
#define PROTO_ERROR "ERROR: "

/* The texts after PROTO_ERROR. %s is the name as the client sent it. */
#define PROTO_NO_SUCH_FILE  "%s does not exist"
#define PROTO_CANNOT_CREATE "unable to create file %s"
#define PROTO_CANNOT_DELETE "unable to delete %s"
#define PROTO_BAD_REQUEST   "bad request"

enum {
    PROTO_REQUEST_MAX = 1024, /* bytes of a request, its terminator not counted */
    PROTO_SIZE_LEN = 8,       /* bytes of a size on the wire */
    PROTO_REPLY_MAX = 2048,   /* room for any ERROR text: a name and a few words */
};

enum proto_verb { PROTO_GET = 1, PROTO_PUT, PROTO_DEL };
enum { PROTO_NO_VERB = 0, PROTO_VERBS = PROTO_DEL + 1 };

struct proto_request {
    enum proto_verb verb;
    const char *name; /* points into the parsed text */
};

enum proto_parse {
    PROTO_REQUEST,    /* `VERB name`, as far as these bytes go */
    PROTO_INCOMPLETE, /* more bytes could make it a request */
    PROTO_BAD,        /* no further byte can */
};

/* Reads the `len` bytes at `text`, without their terminator, as a request. text[len] must be NUL,
 * so that out->name is a C string; a NUL inside the bytes is PROTO_BAD. `out` is set for
 * PROTO_REQUEST only and borrows `text`. */
enum proto_parse proto_parse(const char *text, size_t len, struct proto_request *out);

/* "GET"; "" for PROTO_NO_VERB. `verb` is less than PROTO_VERBS. */
const char *proto_verb_name(unsigned verb);

/* 8 bytes, big-endian, unsigned. */
void proto_put_size(unsigned char wire[PROTO_SIZE_LEN], uint64_t size);
uint64_t proto_get_size(const unsigned char wire[PROTO_SIZE_LEN]);

#endif
