/* say.h - the client's words, one line a call.
 *
 * They wait for whoever reads them, as long as that takes; and one that cannot be written is told
 * and remembered, since a line of a client that is lost would be a false report. In every line
 * control bytes are escaped: names come from command lines and from peers. A line longer than
 * PIPE_BUF is cut, so that each is a single write(2) and lines of several jobs never mix. */
#ifndef FERRY_SAY_H
#define FERRY_SAY_H

#include <stdbool.h>

/* One line on `fd`, standard output or standard error. Where it cannot be written, standard error
 * is told, once, and say_failed() is true from then on. */
__attribute__((format(printf, 2, 3))) void say_line(int fd, const char *format, ...);

/* "client error: ..." on standard error. Returns -1. */
__attribute__((format(printf, 1, 2))) int say_error(const char *format, ...);

/* Says of standard output that it failed with `error`, an errno; only the first time. */
void say_output_failed(int error);

/* Has a line been lost? */
bool say_failed(void);

#endif
