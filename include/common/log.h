/* log.h - lines for people, each a single write(2).
 *
 * One write per line, so that lines of many processes never mix. Nothing is buffered, nothing is
 * allocated. A command waits for its reader, as commands do. A server must not: after
 * log_never_wait(), a line that cannot be written at once is dropped and counted, and the count is
 * told in the place of those lines as soon as there is room again. Neither a closed terminal nor a
 * reader that stopped reading holds anybody up. */
#ifndef FERRY_LOG_H
#define FERRY_LOG_H

#include "common/proto.h"

#include <limits.h>
#include <stdbool.h>

enum {
    LOG_TEXT_MAX = 4 * PROTO_REQUEST_MAX + 1, /* any request with every byte escaped */
    LOG_LINE_MAX = PIPE_BUF                   /* what is longer is cut: see pipe(7) */
};

/* First of all: `name` begins the lines of log_error(), and is borrowed; those of log_line() go to
 * `lines_fd`, standard output or standard error. */
void log_open(const char *name, int lines_fd);

/* From now on no line waits, in this process and in those it forks: they share the counts. Once, at
 * the start of a server: see sink_open(). Returns 0, or -1 with errno. */
int log_never_wait(void);

/* Does anything of it end up in a regular file? */
bool log_is_in_a_file(void);

/* Tells how many lines were dropped, if any were and there is room. Other lines do so, too; this
 * is for when there are none. */
void log_catch_up(void);

/* One line; the newline is added. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* One line on standard error, after the program's name, with control bytes escaped: words of a
 * command line and names may be in it. */
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);

#endif
