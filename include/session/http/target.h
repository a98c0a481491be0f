/* target.h - a request's target, turned into a name under the root: no I/O (RFC 9112 section 3.2,
 * RFC 3986). */
#ifndef FERRY_HTTP_TARGET_H
#define FERRY_HTTP_TARGET_H

#include "common/proto.h"
#include "session/http/head.h"

struct http_target {
    char name[PROTO_REQUEST_MAX + 1]; /* percent-decoded once, without the leading slash, as
                                         storage.h takes it; "." is the root; "": it is "*",
                                         the server as a whole */
    bool directory;        /* its last byte is a slash, which is not in `name`; the root */
    size_t spare_slashes;  /* of those at its end, how many there are besides the one that says so:
                              who resolves a relative link counts each as a level */
    bool json, download;   /* the query is, or has, "json", "download" */
    const char *authority; /* of the absolute form, up to its first slash, which is not
                              part of it; NULL: the origin form */
    size_t authority_len;
    const char *query; /* after the "?"; NULL: there is none; points into the head */
};

/* Returns 0; or the status that it is to be answered with, and *wrong says why: 400 for what is no
 * target or would leave the root, 414 for one that is too long for a name. */
unsigned http_target_parse(struct http_target *target, const struct http_head *head,
                           const char **wrong);

/* Writes `name` so that it can stand in a path: every byte that is not unreserved (RFC 3986 section
 * 2.3) or a slash as %HH. Always NUL-terminates; what does not fit is cut. Returns the length
 * written. A result has at most 3 * len + 1 bytes. */
size_t http_target_encode(char *text, size_t room, const char *name, size_t len);

#endif
