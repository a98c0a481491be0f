/* log.c - lines for people, each a single write(2).
 *
 * Runs in: any process or thread; its state is set once, at the start, but for the counts. */
#include "common/log.h"

#include "common/io.h"
#include "common/sink.h"
#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- a stream that may not wait ---- */

/* Shared by all processes of a server: workers are short-lived, and whoever finds room tells. A
 * worker that lies here forges no more than it could print. */
struct tally {
    uint64_t dropped;
    bool torn; /* the last line is not whole: the next one begins with a newline */
};

struct stream {
    struct sink sink;
    struct tally *tally;   /* NULL: its lines wait */
    const char *complaint; /* the head of the line that tells the count */
};

static struct stream streams[] = {{{STDOUT_FILENO, SINK_WRITE, false}, NULL, "server"},
                                  {{STDERR_FILENO, SINK_WRITE, false}, NULL, ""}};
enum { STREAMS = sizeof streams / sizeof streams[0] };

static struct stream *stream_of(int fd)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (streams[i].sink.fd == fd && streams[i].tally != NULL)
            return &streams[i];
    return NULL;
}

int log_never_wait(const char *program)
{
    struct tally *tallies = mmap(NULL, STREAMS * sizeof *tallies, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (tallies == MAP_FAILED)
        return -1;
    streams[1].complaint = program;
    for (size_t i = 0; i < STREAMS; i++) {
        if (sink_open(&streams[i].sink, streams[i].sink.fd) < 0)
            log_error(program,
                      "nothing will be printed on standard %s, which could make us wait: %s",
                      i == 0 ? "output" : "error", strerror(errno));
        streams[i].tally = &tallies[i];
    }
    return 0;
}

enum { TERMINAL_BUSY_MS = 5 };

/* While another process writes to a terminal, it refuses those that would not wait for that; so
 * it is asked again. Not where it is `unread`, since lines have been dropped already. */
static ssize_t write_patiently(const struct stream *stream, const char *text, size_t len,
                               bool unread)
{
    ssize_t written = sink_write(&stream->sink, text, len);

    if (written >= 0 || errno != EAGAIN || !stream->sink.terminal || unread)
        return written;
    const int64_t deadline_ms = io_now_ms() + TERMINAL_BUSY_MS;
    while (written < 0 && errno == EAGAIN && io_now_ms() < deadline_ms &&
           io_wait(stream->sink.fd, POLLOUT, deadline_ms) == 0)
        written = sink_write(&stream->sink, text, len);
    return written;
}

/* Writes `line[1]` to the end, after a newline in `line[0]` where the last line is torn. Returns
 * true when all of it has been written, or all but its newline, which then is the next one's. */
static bool put_line(const struct stream *stream, char *line, size_t len, bool unread)
{
    bool torn = __atomic_exchange_n(&stream->tally->torn, false, __ATOMIC_RELAXED);
    const char *text = torn ? line : line + 1;
    const size_t whole = torn ? len : len - 1;

    line[0] = '\n';
    ssize_t written = write_patiently(stream, text, whole, unread);
    if (written > 0)
        torn = text[written - 1] != '\n';
    if (torn)
        __atomic_store_n(&stream->tally->torn, true, __ATOMIC_RELAXED);
    return written > 0 && (size_t)written >= whole - 1;
}

/* Returns true when there is nothing (more) to be told. */
static bool tell_dropped(const struct stream *stream)
{
    char line[128];
    uint64_t count = __atomic_exchange_n(&stream->tally->dropped, 0, __ATOMIC_RELAXED);

    if (count == 0)
        return true;
    int len =
        snprintf(line, sizeof line, "\n%s%s dropped %" PRIu64 " line%s that could not be written\n",
                 stream->complaint, stream == &streams[0] ? "" : ":", count, count == 1 ? "" : "s");
    if (put_line(stream, line, (size_t)len, true))
        return true;
    __atomic_fetch_add(&stream->tally->dropped, count, __ATOMIC_RELAXED);
    return false;
}

void log_catch_up(void)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (streams[i].tally != NULL)
            (void)tell_dropped(&streams[i]);
}

/* ---- a line ---- */

__attribute__((format(printf, 2, 0))) static void write_line(int fd, const char *format,
                                                             va_list args)
{
    char line[1 + LOG_LINE_MAX];          /* its first byte is put_line()'s */
    const size_t room = LOG_LINE_MAX - 1; /* the newline's place is kept */
    const struct stream *stream = stream_of(fd);
    int saved = errno;

    int printed = vsnprintf(line + 1, room, format, args);
    size_t len = 1 + (printed < 0 ? 0 : (size_t)printed < room ? (size_t)printed : room - 1);
    line[len++] = '\n';
    if (stream == NULL)
        (void)io_write_all(fd, line + 1, len - 1);
    else if (!tell_dropped(stream) || !put_line(stream, line, len, false))
        __atomic_fetch_add(&stream->tally->dropped, 1, __ATOMIC_RELAXED);
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
    text_escape(escaped, sizeof escaped, text, strlen(text));
    log_to(STDERR_FILENO, "%s: %s", program, escaped);
}
