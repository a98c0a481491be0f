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
 * worker that lies here forges no more than it could print, and delays by little: see `in_vain`. */
struct shared {
    uint64_t dropped;
    struct line_end {
        bool torn;              /* the last line is not whole: the next one begins with a newline */
        uint32_t writing_since; /* stamp() when somebody began to write, or 0 */
    } line_end;
};

struct stream {
    struct sink sink;
    uint64_t *dropped; /* NULL: its lines wait */
    struct line_end *line_end;
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
    struct shared *shared = mmap(NULL, STREAMS * sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return -1;
    bool one = io_same_file(streams[LINES].sink.fd, streams[ERRORS].sink.fd);
    for (size_t i = 0; i < STREAMS; i++) {
        if (sink_open(&streams[i].sink, streams[i].sink.fd) < 0)
            log_error("nothing will be printed on standard %s, which could make us wait: %s",
                      streams[i].sink.fd == STDOUT_FILENO ? "output" : "error", strerror(errno));
        streams[i].dropped = &shared[i].dropped;
        streams[i].line_end = &shared[one ? 0 : i].line_end;
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

/* The time, for comparisons. */
static uint32_t stamp(void)
{
    return (uint32_t)io_now_ms() | 1;
}

/* Or far in the future, which is a lie. */
static bool is_long_ago(uint32_t since, uint32_t now)
{
    return now - since + LINE_LOST_MS > 2 * LINE_LOST_MS;
}

/* When somebody was last waited for in vain; this process's own. Who has been is not waited for
 * again so soon: a worker that always seems to write would hold up the parent. */
static uint32_t in_vain;

/* A terminal may take a part of a line, and then the next one begins with a newline: so none of us
 * may write between the question whether the last one is torn and the answer to what became of this
 * one. (A pipe takes a line or leaves it.) Returns what end_writing() wants, or 0 where the caller
 * may not write. */
static uint32_t begin_writing(const struct stream *stream, bool unread)
{
    uint32_t *since = &stream->line_end->writing_since;

    if (!stream->sink.terminal)
        return 1; /* nobody is in the way */
    const uint32_t began = stamp();
    bool patient = !unread && is_long_ago(__atomic_load_n(&in_vain, __ATOMIC_RELAXED), began);
    for (uint32_t now = began;; now = stamp()) {
        uint32_t seen = __atomic_load_n(since, __ATOMIC_RELAXED);
        if ((seen == 0 || is_long_ago(seen, now)) &&
            __atomic_compare_exchange_n(since, &seen, now, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return now;
        if (!patient)
            return 0;
        if (now - began >= LINE_BUSY_MS) {
            __atomic_store_n(&in_vain, now, __ATOMIC_RELAXED);
            return 0;
        }
        (void)poll(NULL, 0, 1);
    }
}

/* Unless it took so long that somebody else writes by now. */
static void end_writing(const struct stream *stream, uint32_t began)
{
    (void)__atomic_compare_exchange_n(&stream->line_end->writing_since, &began, 0, false,
                                      __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* Writes `line[1]` to the end, after a newline in `line[0]` where the last line is torn. Returns
 * true when all of it has been written, or all but its newline, which then is the next one's. */
static bool put_line(const struct stream *stream, char *line, size_t len, bool unread)
{
    const uint32_t began = begin_writing(stream, unread);
    if (began == 0)
        return false;
    bool torn = __atomic_exchange_n(&stream->line_end->torn, false, __ATOMIC_RELAXED);
    const char *text = torn ? line : line + 1;
    const size_t whole = torn ? len : len - 1;

    line[0] = '\n';
    ssize_t written = write_patiently(stream, text, whole, unread);
    if (written > 0)
        torn = text[written - 1] != '\n';
    if (torn)
        __atomic_store_n(&stream->line_end->torn, true, __ATOMIC_RELAXED);
    end_writing(stream, began);
    return written > 0 && (size_t)written >= whole - 1;
}

/* Returns true when there is nothing (more) to be told. */
static bool tell_dropped(const struct stream *stream)
{
    char line[128];
    uint64_t count = __atomic_exchange_n(stream->dropped, 0, __ATOMIC_RELAXED);

    if (count == 0)
        return true;
    int len =
        snprintf(line, sizeof line, "\n%s%s dropped %" PRIu64 " line%s that could not be written\n",
                 stream == &streams[LINES] ? "server" : program,
                 stream == &streams[LINES] ? "" : ":", count, count == 1 ? "" : "s");
    if (put_line(stream, line, (size_t)len, true))
        return true;
    __atomic_fetch_add(stream->dropped, count, __ATOMIC_RELAXED);
    return false;
}

void log_catch_up(void)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (streams[i].dropped != NULL)
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
    if (stream->dropped == NULL)
        (void)io_write_all(stream->sink.fd, line + 1, len - 1);
    else if (!tell_dropped(stream) || !put_line(stream, line, len, false))
        __atomic_fetch_add(stream->dropped, 1, __ATOMIC_RELAXED);
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
