/* text.h - bytes, sizes and times as people can read them, and as no terminal can be harmed by. */
#ifndef FERRY_TEXT_H
#define FERRY_TEXT_H

#include <stddef.h>

/* The length of the well-formed UTF-8 sequence (RFC 3629 section 4) that the `left` bytes at `text`
 * begin with; 0 where they begin with none. */
size_t text_utf8_len(const char *text, size_t left);

/* Copies `src` to `dst` with every control byte and every byte that is not well-formed UTF-8
 * written as \xHH, so that what a peer sent can stand in a log or on a terminal without forging a
 * line or moving the cursor. Always NUL-terminates; what does not fit in `cap` bytes is cut.
 * Returns the length written. A result is at most 4 * len + 1 bytes. */
size_t text_escape(char *dst, size_t cap, const char *src, size_t len);

/* Room for what the next two write. */
enum { TEXT_UNIT_MAX = 32 };

/* "12.3 MiB". Returns `text`. */
const char *text_bytes(double bytes, char text[TEXT_UNIT_MAX]);

/* "0:07", "1:02:03"; "-:--" where nobody can know (negative, or over 99 hours). Returns `text`. */
const char *text_time(double seconds, char text[TEXT_UNIT_MAX]);

#endif
