/* validators.h - which version of a file a request speaks of, and which part of it: no I/O
 * (RFC 9110 sections 8.8, 13 and 14). */
#ifndef FERRY_HTTP_VALIDATORS_H
#define FERRY_HTTP_VALIDATORS_H

#include "session/http/head.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

enum { HTTP_ETAG_MAX = 80, HTTP_DATE_MAX = 32 };

/* A strong entity tag, with its quotes, of device, inode, size and time of change in ns. Returns
 * `text`. */
const char *http_etag(const struct stat *file, char text[HTTP_ETAG_MAX]);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), in any locale. Returns `text`. */
const char *http_date(time_t when, char text[HTTP_DATE_MAX]);

/* Reads any of the three forms of RFC 9110 section 5.6.7. Returns false where it is none. */
bool http_date_parse(const char *text, time_t *when);

enum http_verdict {
    HTTP_GOES_ON,
    HTTP_NOT_MODIFIED, /* 304 */
    HTTP_TERMS_UNMET   /* 412 */
};

/* Judges the request's conditions, in the order of RFC 9110 section 13.2.2, on `file`, which is
 * NULL where there is none. For methods that write, http_method_writes(), HTTP_NOT_MODIFIED does
 * not come back. */
enum http_verdict http_conditions(const struct http_head *head, const struct stat *file);

/* Has it conditions that a write must hold to? */
bool http_has_conditions(const struct http_head *head);

enum http_part {
    HTTP_WHOLE,       /* nothing else was asked for, or nothing that is served in parts */
    HTTP_PART,        /* *first and *count say which, bytes */
    HTTP_NO_SUCH_PART /* 416 */
};

/* Which part of `file`, whose conditions have been judged, does the request ask for? Several at
 * once are not served: the whole is. If-Range counts. */
enum http_part http_range(const struct http_head *head, const struct stat *file, uint64_t *first,
                          uint64_t *count);

#endif
