/* say.c - the client's words, one line a call.
 *
 * Runs in: the client, or one of its jobs. What it remembers is the process's. */
#include "client/say.h"

#include "common/io.h"
#include "common/log.h"
#include "common/text.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

static bool failed;

/* Returns 0, or -1 with write(2)'s errno. */
__attribute__((format(printf, 3, 0))) static int write_line(int fd, const char *prefix,
                                                            const char *format, va_list args)
{
    char text[LOG_LINE_MAX], line[LOG_LINE_MAX];
    size_t prefix_len = (size_t)snprintf(line, sizeof line, "%s", prefix);

    (void)vsnprintf(text, sizeof text, format, args);
    /* text_escape() ends what it writes with a NUL, whose place the newline takes. */
    size_t len =
        prefix_len + text_escape(line + prefix_len, sizeof line - prefix_len, text, strlen(text));
    line[len++] = '\n';
    return io_write_all(fd, line, len);
}

void say_output_failed(int error)
{
    if (!failed)
        say_error("cannot write to standard output: %s", strerror(error));
    failed = true;
}

void say_line(int fd, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int outcome = write_line(fd, "", format, args);
    va_end(args);
    if (outcome < 0 && fd == STDOUT_FILENO)
        say_output_failed(errno);
    else if (outcome < 0)
        failed = true; /* and where it could be told is what failed */
}

int say_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    /* Where not even this can be written, the exit status is left to tell. */
    if (write_line(STDERR_FILENO, "client error: ", format, args) < 0)
        failed = true;
    va_end(args);
    return -1;
}

bool say_failed(void)
{
    return failed;
}
