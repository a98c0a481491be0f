/* ledger.c - one line for every client, when its stay is over.
 *
 * Runs in: the parent. */
#include "record/ledger.h"

#include "common/io.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/path.h"
#include "common/text.h"
#include "record/claims_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16 * 1024, WALL_TEXT = 40 };

struct ledger_line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

/* ---- opening ---- */

/* O_NONBLOCK: a FIFO that nobody reads must not hold the server (fifo(7)). */
static int open_file(const struct ledger *ledger)
{
    return openat(ledger->dir_fd, path_base_name(ledger->path),
                  O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, ledger->mode);
}

/* A server before this one may have met a full disk. */
static bool ends_within_a_line(const struct ledger *ledger)
{
    struct stat st;
    char last = '\n';
    int fd = openat(ledger->dir_fd, path_base_name(ledger->path),
                    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        pread(fd, &last, 1, st.st_size - 1) != 1)
        last = '\n';
    io_close(fd);
    return last != '\n';
}

int ledger_open(struct ledger *ledger, const char *path, mode_t mode, const char *kind, size_t cap)
{
    *ledger = (struct ledger){
        .path = path, .dir_fd = -1, .fd = -1, .mode = mode, .kind = kind, .cap = cap};
    if (path == NULL)
        return 0;
    ledger->line = memory_private(sizeof *ledger->line);
    if (ledger->line == NULL)
        return -1;
    ledger->dir_fd = path_open_directory(path, O_PATH);
    if (ledger->dir_fd >= 0)
        ledger->fd = open_file(ledger);
    if (ledger->fd >= 0) {
        ledger->torn = ends_within_a_line(ledger);
        return 0;
    }
    ledger_close(ledger);
    return -1;
}

void ledger_close(struct ledger *ledger)
{
    io_close(ledger->fd);
    io_close(ledger->dir_fd);
    memory_free(ledger->line, sizeof *ledger->line);
    *ledger = (struct ledger){.dir_fd = -1, .fd = -1};
}

static void complain_once(struct ledger *ledger)
{
    if (!ledger->failing)
        log_error("cannot write the ledger %s: %s; serving goes on", ledger->path, strerror(errno));
    ledger->failing = true;
}

void ledger_reopen(struct ledger *ledger)
{
    if (ledger->path == NULL)
        return;
    int fd = open_file(ledger);
    if (fd < 0) {
        log_error("cannot open the ledger %s again: %s; keeping the one there was", ledger->path,
                  strerror(errno));
        return;
    }
    ledger->torn = ledger->torn && io_same_file(ledger->fd, fd);
    io_close(ledger->fd);
    ledger->fd = fd;
}

/* ---- a line ---- */

__attribute__((format(printf, 2, 3))) static void add(struct ledger_line *line, const char *format,
                                                      ...)
{
    size_t room = sizeof line->text - line->len;
    va_list args;

    va_start(args, format);
    int printed = vsnprintf(line->text + line->len, room, format, args);
    va_end(args);
    if (printed > 0 && (size_t)printed < room)
        line->len += (size_t)printed;
}

/* The code point of a sequence that a line must not have as it is, or 0: C0, DEL and C1, which
 * terminals obey, and U+2028 and U+2029, which end a line for some readers of text. */
static unsigned escaped_point(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    if (len == 1 && (s[0] < 0x20 || s[0] == 0x7f))
        return s[0];
    if (len == 2 && s[0] == 0xc2 && s[1] < 0xa0)
        return s[1];
    if (len == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
        return 0x2000U + (s[2] & 0x3fU);
    return 0;
}

/* A JSON string (RFC 8259 section 7). A byte that is not UTF-8 becomes \udcHH, a lone surrogate:
 * no text has one, so nothing is lost (PEP 383 does the same). */
static void add_string(struct ledger_line *line, const char *key, const char *text)
{
    add(line, "\"%s\":\"", key);
    while (*text != '\0') {
        const unsigned char byte = (unsigned char)*text;
        const size_t len = text_utf8_len(text, strlen(text));
        const unsigned point = escaped_point(text, len);
        if (len == 0)
            add(line, "\\udc%02x", byte);
        else if (byte == '"' || byte == '\\')
            add(line, "\\%c", byte);
        else if (point != 0)
            add(line, "\\u%04x", point);
        else
            add(line, "%.*s", (int)len, text);
        text += len == 0 ? 1 : len;
    }
    add(line, "\",");
}

/* RFC 3339, with microseconds. */
static const char *format_wall(int64_t wall_ns, char text[WALL_TEXT])
{
    const time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    size_t len = strftime(text, WALL_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + len, WALL_TEXT - len, ".%06dZ", (int)(wall_ns % 1000000000 / 1000));
    return text;
}

/* One moment, twice: "accepted" by the calendar and "accepted_ns" by the monotonic clock; 0 is
 * never. The calendar is read once, at accept, so that one line's times are consistent. */
static void add_time(struct ledger_line *line, const struct stay *stay, const char *key, int64_t ns)
{
    if (ns == 0) {
        add(line, "\"%s\":null,\"%s_ns\":null,", key, key);
        return;
    }
    char text[WALL_TEXT];
    add(line, "\"%s\":\"%s\",\"%s_ns\":%" PRId64 ",", key,
        format_wall(stay->accepted_wall_ns + (ns - stay->accepted_ns), text), key, ns);
}

/* A worker's claim about when, kept between its start and its end; 0 stays 0. */
static int64_t within(int64_t ns, int64_t from, int64_t to)
{
    if (ns == 0)
        return 0;
    return ns < from ? from : ns > to ? to : ns;
}

static void add_worker(struct ledger_line *line, const struct stay *stay, const char *kind)
{
    if (stay->started_ns == 0)
        add(line, "\"worker\":null,\"running\":null,");
    else
        add(line, "\"worker\":%" PRId64 ",\"running\":%" PRIu64 ",", stay->worker, stay->beside);
    add(line, "\"kind\":\"%s\",\"place\":%" PRIu64 ",", kind, stay->place);
}

static void add_request(struct ledger_line *line, const struct ledger_entry *entry)
{
    const struct claims *claims = &entry->claims;

    if (claims->verb == CLAIMS_NO_VERB) {
        add(line, "\"verb\":null,\"name\":null,");
    } else {
        add(line, "\"verb\":\"%s\",", claims_verb_name(claims->verb));
        add_string(line, "name", claims->name);
    }
    if (claims->status == 0)
        add(line, "\"status\":null,");
    else
        add(line, "\"status\":%" PRIu32 ",", claims->status);
    add(line, "\"size\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", claims->size, claims->moved);
}

static void add_reason(struct ledger_line *line, uint32_t reason)
{
    if (reason == 0) {
        add(line, "\"reason\":null,");
        return;
    }
    char text[CLAIMS_REASON_TEXT];
    add(line, "\"reason\":\"%s\",", claims_reason_name(reason, text));
}

static void add_outcome(struct ledger_line *line, const struct ledger_entry *entry)
{
    if (entry->outcome == OUTCOME_REFUSED)
        add_string(line, "error", entry->claims.error);
    else
        add(line, "\"error\":null,");
    add_reason(line, entry->claims.reason);
    if (entry->signal != 0)
        add(line, "\"signal\":%d,", entry->signal);
    else
        add(line, "\"signal\":null,");
    add(line, "\"outcome\":\"%s\"}\n", claims_outcome_name(entry->outcome));
}

/* Where a full disk cut the last line short, this one starts on a line of its own. */
static void compose(struct ledger_line *line, const struct ledger_entry *entry,
                    const struct ledger *ledger)
{
    const struct stay *stay = entry->stay;
    const int64_t started = stay->started_ns, ended = entry->ended_ns;
    const int64_t first = within(entry->claims.first_ns, started, ended);
    char peer[PEER_TEXT_MAX];

    line->len = 0;
    add(line, "%s{\"server\":%d,\"cap\":%zu,\"client\":%" PRIu64 ",", ledger->torn ? "\n" : "",
        (int)getpid(), ledger->cap, stay->serial);
    add_string(line, "service", stay->service);
    add_string(line, "peer", peer_format(&stay->client, peer));
    add_time(line, stay, "accepted", stay->accepted_ns);
    add_time(line, stay, "started", started);
    add_time(line, stay, "first_byte", first);
    add_time(line, stay, "last_byte", first == 0 ? 0 : within(entry->claims.last_ns, first, ended));
    add_time(line, stay, "reaped", ended);
    add(line, "\"wait_ns\":%" PRId64 ",", (started == 0 ? ended : started) - stay->accepted_ns);
    add_worker(line, stay, ledger->kind);
    add_request(line, entry);
    add_outcome(line, entry);
}

void ledger_write(struct ledger *ledger, const struct ledger_entry *entry)
{
    struct ledger_line *line = ledger->line;

    if (ledger->path == NULL)
        return;
    compose(line, entry, ledger);
    ssize_t written = write(ledger->fd, line->text, line->len);
    if (written == (ssize_t)line->len) {
        ledger->failing = ledger->torn = false;
        return;
    }
    if (written > 0) {
        ledger->torn = true;
        errno = ENOSPC; /* what keeps a write(2) short says so at the next one */
    }
    complain_once(ledger);
}
