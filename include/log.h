/* log.h - lines for people, each a single write(2).
 *
 * One write per line, so that lines of many processes never mix. A line that cannot be written at
 * once is dropped: neither a closed terminal nor a reader that stopped reading may hold a transfer
 * up. Nothing is buffered, nothing is allocated. */
#ifndef FERRY_LOG_H
#define FERRY_LOG_H

#include "proto.h"

#include <limits.h>

enum {
    LOG_TEXT_MAX = 4 * PROTO_REQUEST_MAX + 1, /* any request with every byte escaped */
    LOG_LINE_MAX = PIPE_BUF                   /* what is longer is cut: see pipe(7) */
};

/* One line on standard output; the newline is added. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* One line on `fd`. */
__attribute__((format(printf, 2, 3))) void log_to(int fd, const char *format, ...);

/* One line on standard error, after "PROGRAM: ", with control bytes escaped: words of a command
 * line and names may be in it. */
__attribute__((format(printf, 2, 3))) void log_error(const char *program, const char *format, ...);

#endif
