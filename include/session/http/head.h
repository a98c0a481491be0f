/* head.h - the head of a request, read byte by byte: no I/O (RFC 9112 sections 2 to 5).
 *
 * Strict where laxness has been exploited: a line ends in CR LF and nothing else, a field's name in
 * its colon, and no field goes on in the next line. Any segmentation of the same bytes has the same
 * result. */
#ifndef FERRY_HTTP_HEAD_H
#define FERRY_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_HEAD_MAX = 16 * 1024, /* bytes of a head, its empty line included */
    HTTP_TARGET_MAX = 8000,    /* of a request target (RFC 9112 section 3: at least that) */
    HTTP_FIELDS_MAX = 64
};

enum http_method {
    HTTP_NO_METHOD, /* none that is known here */
    HTTP_GET,
    HTTP_HEAD,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_MKCOL,
    HTTP_METHODS
};

/* Offsets into the text; both strings are terminated there. A value has no blanks around it. */
struct http_field {
    uint16_t name, value;
};

struct http_head {
    enum http_method method;
    unsigned minor;     /* of version 1: 0, or 1 for that and whatever is higher */
    const char *target; /* as sent; points into `text`; "": none has been read */
    unsigned status;    /* that a request that is wrong is to be answered with; 0: nothing is */
    const char *wrong;  /* and why, in words; borrowed for ever */
    size_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];

    size_t len; /* bytes read so far, line ends included */
    bool whole; /* the empty line has been read */

    /* head.c's own: what is being read, where that began, and what was seen before */
    unsigned state;
    size_t word;
    unsigned major, empty_lines;
    char text[HTTP_HEAD_MAX + 1];
};

void http_head_init(struct http_head *head);

/* Reads on. Returns how many of the `len` bytes belong to the head, the one that is wrong included:
 * fewer than all where it is whole, or wrong, by then. Nothing is read after that. */
size_t http_head_feed(struct http_head *head, const char *bytes, size_t len);

/* The value of the field `name`, the first where there are several; NULL: there is none. Names are
 * compared without case (RFC 9110 section 5.1). */
const char *http_head_value(const struct http_head *head, const char *name);

/* The same of the next one from the field *at on, which is 0 at first, and is moved past it. */
const char *http_head_next(const struct http_head *head, const char *name, size_t *at);

/* How many fields have this name. */
size_t http_head_count(const struct http_head *head, const char *name);

/* The method as it was sent, known or not; once the target has been read. */
const char *http_head_method(const struct http_head *head);

/* Does it change something? */
bool http_method_writes(enum http_method method);

/* How much follows the head (RFC 9112 section 6). */
struct http_framing {
    bool chunked;
    bool sized;      /* a Content-Length was given, */
    uint64_t length; /* which is this, bytes; 0 where there is none */
    bool expects;    /* Expect: 100-continue, and the client's version knows it */
};

/* Returns 0; or the status that the request is to be answered with, and *wrong says why: 400 for
 * what contradicts itself, 413 for a length that no file has, 417, 501. */
unsigned http_head_framing(const struct http_head *head, struct http_framing *framing,
                           const char **wrong);

/* Is the word, compared without case, an item of the comma-separated list `value`, whatever
 * parameters follow it after a ";"? NULL has no items. */
bool http_list_has(const char *value, const char *word);

/* The value of a hexadecimal digit, in either case; -1: it is none. */
int http_hex_digit(char c);

/* Are these `len` bytes the same, compared without the case of ASCII letters, in any locale? */
bool http_same(const char *one, const char *other, size_t len);

/* Are the `len` bytes at `text` the word, compared so? */
bool http_is_word(const char *text, size_t len, const char *word);

#endif
