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
#include <sys/stat.h>
#include <unistd.h>

/* ---- a stream that may not wait ---- */

/* Shared by all processes of a server: workers are short-lived, and whoever finds room tells. A
 * worker that lies here forges no more than it could print. */
struct tally {
    uint64_t dropped;
    bool torn;             /* the last line is not whole: the next one begins with a newline */
    int64_t writing_since; /* io_now_ms() when somebody began, or 0: see begin_writing() */
};

struct stream {
    struct sink sink;
    struct tally *tally; /* NULL: its lines wait */
};

enum { LINES, ERRORS, STREAMS };
static struct stream streams[STREAMS] = {
    [LINES] = {.sink = {.fd = STDOUT_FILENO}}, [ERRORS] = {.sink = {.fd = STDERR_FILENO}}};
static const char *program = "";

void log_open(const char *name, int lines_fd)
{
    program = name;
    streams[LINES].sink.fd = lines_fd;
}

int log_never_wait(void)
{
    struct tally *tallies = mmap(NULL, STREAMS * sizeof *tallies, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (tallies == MAP_FAILED)
        return -1;
    for (size_t i = 0; i < STREAMS; i++) {
        if (sink_open(&streams[i].sink, streams[i].sink.fd) < 0)
            log_error("nothing will be printed on standard %s, which could make us wait: %s",
                      streams[i].sink.fd == STDOUT_FILENO ? "output" : "error", strerror(errno));
        streams[i].tally = &tallies[i];
    }
    return 0;
}

bool log_is_in_a_file(void)
{
    struct stat st;

    for (size_t i = 0; i < STREAMS; i++)
        if (fstat(streams[i].sink.fd, &st) == 0 && S_ISREG(st.st_mode))
            return true;
    return false;
}

enum {
    TERMINAL_BUSY_MS = 5, /* how long a line waits for others who write to a terminal */
    LINE_BUSY_MS = 50,    /* and for other lines of ours, one of which may wait so */
    LINE_LOST_MS = 1000   /* whoever takes longer has been killed */
};

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

/* Or far in the future, which is a lie. */
static bool is_long_ago(int64_t since_ms, int64_t now_ms)
{
    return (uint64_t)now_ms - (uint64_t)since_ms + LINE_LOST_MS > (uint64_t)2 * LINE_LOST_MS;
}

/* A terminal may take a part of a line, and then the next one begins with a newline: so nobody else
 * may write between the question whether the last one is torn and the answer to what became of this
 * one. (A pipe takes a line or leaves it.) Returns whether the caller may, and then must call
 * end_writing(). */
static bool begin_writing(const struct stream *stream, bool unread)
{
    if (!stream->sink.terminal)
        return true;
    for (const int64_t began_ms = io_now_ms();; (void)poll(NULL, 0, 1)) {
        const int64_t now_ms = io_now_ms();
        int64_t since_ms = __atomic_load_n(&stream->tally->writing_since, __ATOMIC_RELAXED);
        if ((since_ms == 0 || is_long_ago(since_ms, now_ms)) &&
            __atomic_compare_exchange_n(&stream->tally->writing_since, &since_ms, now_ms, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
        if (unread || now_ms - began_ms >= LINE_BUSY_MS)
            return false;
    }
}

static void end_writing(const struct stream *stream)
{
    __atomic_store_n(&stream->tally->writing_since, 0, __ATOMIC_RELEASE);
}

/* Writes `line[1]` to the end, after a newline in `line[0]` where the last line is torn. Returns
 * true when all of it has been written, or all but its newline, which then is the next one's. */
static bool put_line(const struct stream *stream, char *line, size_t len, bool unread)
{
    if (!begin_writing(stream, unread))
        return false;
    bool torn = __atomic_exchange_n(&stream->tally->torn, false, __ATOMIC_RELAXED);
    const char *text = torn ? line : line + 1;
    const size_t whole = torn ? len : len - 1;

    line[0] = '\n';
    ssize_t written = write_patiently(stream, text, whole, unread);
    if (written > 0)
        torn = text[written - 1] != '\n';
    if (torn)
        __atomic_store_n(&stream->tally->torn, true, __ATOMIC_RELAXED);
    end_writing(stream);
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
                 stream == &streams[LINES] ? "server" : program,
                 stream == &streams[LINES] ? "" : ":", count, count == 1 ? "" : "s");
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

__attribute__((format(printf, 2, 0))) static void write_line(const struct stream *stream,
                                                             const char *format, va_list args)
{
    char line[1 + LOG_LINE_MAX];          /* its first byte is put_line()'s */
    const size_t room = LOG_LINE_MAX - 1; /* the newline's place is kept */
    int saved = errno;

    int printed = vsnprintf(line + 1, room, format, args);
    size_t len = 1 + (printed < 0 ? 0 : (size_t)printed < room ? (size_t)printed : room - 1);
    line[len++] = '\n';
    if (stream->tally == NULL)
        (void)io_write_all(stream->sink.fd, line + 1, len - 1);
    else if (!tell_dropped(stream) || !put_line(stream, line, len, false))
        __atomic_fetch_add(&stream->tally->dropped, 1, __ATOMIC_RELAXED);
    errno = saved;
}

void log_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(&streams[LINES], format, args);
    va_end(args);
}

__attribute__((format(printf, 1, 2))) static void print_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(&streams[ERRORS], format, args);
    va_end(args);
}

void log_error(const char *format, ...)
{
    char text[LOG_LINE_MAX], escaped[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_escape(escaped, sizeof escaped, text, strlen(text));
    print_error("%s: %s", program, escaped);
}
