/* markup.h - names and times as they can stand in a page or in JSON: no I/O. */
#ifndef FERRY_HTTP_MARKUP_H
#define FERRY_HTTP_MARKUP_H

#include <stddef.h>
#include <time.h>

enum {
    MARKUP_GROWTH = 6,   /* a byte becomes so many at most, in either form */
    MARKUP_TIME_MAX = 80 /* that, and what a compiler thinks an int may print */
};

/* Writes `src` as HTML text, which may stand in a quoted attribute as well. A control character
 * becomes the picture of it (U+2400 and on); U+FFFD becomes each byte that is no UTF-8, and what
 * would turn the direction of the letters around it, or end their line. Always NUL-terminates; what
 * does not fit in `room` bytes is cut. Returns the length written: at most MARKUP_GROWTH * len. */
size_t markup_html(char *dst, size_t room, const char *src, size_t len);

/* The same as what stands between the quotes of a JSON string (RFC 8259 section 7). A byte that is
 * no UTF-8 becomes \udcHH, as in the ledger. */
size_t markup_json(char *dst, size_t room, const char *src, size_t len);

/* "2026-11-25T10:00:00Z" (RFC 3339), in UTC, of whatever year from 1 to 9999 is nearest. Returns
 * `text`. */
const char *markup_time(time_t when, char text[MARKUP_TIME_MAX]);

#endif
