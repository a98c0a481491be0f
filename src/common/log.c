/* log.c - lines for people, each a single write(2).
 *
 * Called by: everyone who may speak: the command lines, manager.c, session.c, the client.
 * Runs in:   any process or thread; no state. */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

__attribute__((format(printf, 2, 0))) static void write_line(int fd, const char *format,
                                                             va_list args)
{
    char line[LOG_LINE_MAX];
    const size_t room = sizeof line - 1; /* the newline's place is kept */
    int saved = errno;

    int printed = vsnprintf(line, room, format, args);
    size_t len = printed < 0 ? 0 : (size_t)printed < room ? (size_t)printed : room - 1;
    line[len++] = '\n';
    struct pollfd slot = {.fd = fd, .events = POLLOUT};
    if (poll(&slot, 1, 0) > 0 && write(fd, line, len) < 0) {
        /* Nobody reads us: see log.h. */
    }
    errno = saved;
}

void log_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(STDOUT_FILENO, format, args);
    va_end(args);
}

void log_to(int fd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(fd, format, args);
    va_end(args);
}

void log_error(const char *program, const char *format, ...)
{
    char text[LOG_LINE_MAX], escaped[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    proto_escape(escaped, sizeof escaped, text, strlen(text));
    log_to(STDERR_FILENO, "%s: %s", program, escaped);
}
