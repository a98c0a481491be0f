/* link.c - the client's end of a conversation with a server.
 *
 * Runs in: the client, or one of its jobs. */
#include "client/link.h"

#include "client/say.h"
#include "common/log.h"
#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    KEEPALIVE_MS = 60000, /* a server whose machine is gone is noticed after about so long */
    ERROR_QUIET_MS =
        500, /* an ERROR is whole when the server closes, or says no more for so long */
    ERROR_WHOLE_MS = 5000,
    SAID_BYTES = 60,         /* how much is shown of words that make no sense */
    WAIT_TICK_MS = 1000,     /* how often "waiting for a free slot" is redrawn */
    STORE_MS_PER_MIB = 1000, /* a slow disk's pace */
    MIB_SHIFT = 20
};

/* ---- saying what went wrong ---- */

/* Where there are several files, says which of them it is about. */
__attribute__((format(printf, 2, 3))) static int link_error(const struct link *link,
                                                            const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (link->options->name_count > 1)
        return say_error("%s: %s", link->name, text);
    return say_error("%s", text);
}

/* The most that a wait for `what` may take. */
struct limit {
    const char *what;
    int64_t ms, deadline_ms; /* -1 and IO_NO_DEADLINE: as long as it takes */
};

static struct limit limit_of(const char *what, int64_t ms)
{
    return (struct limit){
        .what = what, .ms = ms, .deadline_ms = ms < 0 ? IO_NO_DEADLINE : io_now_ms() + ms};
}

/* The kernel's own limits (tcp(7)) end in the same errno. */
static bool is_over(const struct limit *limit, int error)
{
    return error == ETIMEDOUT && io_now_ms() >= limit->deadline_ms;
}

static int say_too_late(const struct link *link, const struct limit *limit)
{
    return link_error(link, "no %s from %s within %" PRId64 " s", limit->what, link->server_name,
                      limit->ms / 1000);
}

/* Reads on until the server closes or pauses, but not for ever. Returns the errno with which the
 * connection failed, or 0. */
static int fill_until_quiet(struct link *link)
{
    int64_t until_ms = io_now_ms() + ERROR_WHOLE_MS;
    ssize_t got = 1;

    while (got > 0 && io_now_ms() < until_ms)
        got = io_fill(&link->conn, io_now_ms() + ERROR_QUIET_MS);
    return got >= 0 || errno == ETIMEDOUT || errno == ENOBUFS ? 0 : errno;
}

static bool is_error(const char *said, size_t len)
{
    const size_t prefix_len = sizeof PROTO_ERROR - 1;
    return len >= prefix_len && memcmp(said, PROTO_ERROR, prefix_len) == 0;
}

/* Is the file we asked for named in `text`, at its beginning or at its end? */
static bool names_file(const struct link *link, const char *text)
{
    char name[LOG_TEXT_MAX];
    size_t text_len = strlen(text);

    if (link->wire_name == NULL)
        return false;
    size_t len = text_escape(name, sizeof name, link->wire_name, strlen(link->wire_name));
    if (len >= text_len)
        return false;
    return (memcmp(text, name, len) == 0 && text[len] == ' ') ||
           (text[text_len - len - 1] == ' ' && memcmp(text + text_len - len, name, len) == 0);
}

/* Passes on the ERROR that is unread. */
static int pass_error_on(const struct link *link)
{
    char text[LOG_TEXT_MAX];
    const char *said = link->conn.buf + link->conn.start + sizeof PROTO_ERROR - 1;
    size_t len = io_unread(&link->conn) - (sizeof PROTO_ERROR - 1);

    while (len > 0 && (said[len - 1] == '\n' || said[len - 1] == '\r'))
        len--;
    text_escape(text, sizeof text, said, len);
    if (link->options->name_count > 1 && !names_file(link, text))
        say_line(STDERR_FILENO, "server error: %s: %s", link->name, text);
    else
        say_line(STDERR_FILENO, "server error: %s", text);
    return -1;
}

/* Reads the rest of what the server says in place of the word that was to come. */
static int report_error(struct link *link)
{
    (void)fill_until_quiet(link);
    if (is_error(link->conn.buf + link->conn.start, io_unread(&link->conn)))
        return pass_error_on(link);
    return link_error(link, "%s does not speak this protocol", link->server_name);
}

/* Says how the connection ended: with `error` (errno), or as the next read tells. */
static int explain(struct link *link, int error)
{
    /* What the server said before it closed or reset outlives the connection's end. */
    int found = fill_until_quiet(link);
    const char *said = link->conn.buf + link->conn.start;
    size_t len = io_unread(&link->conn);
    if (is_error(said, len))
        return pass_error_on(link);
    if (len > 0) {
        char text[4 * SAID_BYTES + 1];
        text_escape(text, sizeof text, said, len < SAID_BYTES ? len : SAID_BYTES);
        return link_error(link, "%s said \"%s%s\" before its turn", link->server_name, text,
                          len > SAID_BYTES ? "..." : "");
    }
    if (error == 0)
        error = found;
    if (error == 0 || error == ENODATA)
        return link_error(link, "%s closed the connection", link->server_name);
    return link_error(link, "connection to %s lost: %s", link->server_name, strerror(error));
}

/* After a call with the limit's deadline. */
static int explain_within(struct link *link, const struct limit *limit, int error)
{
    return is_over(limit, error) ? say_too_late(link, limit) : explain(link, error);
}

int link_explain(struct link *link, int error)
{
    int64_t idle_ms = io_now_ms() - link->progress.moved_ms;

    /* The transfer looks at its own clock, a moment earlier. It has ended for want of a byte, or
     * else the kernel's keepalive has ended the connection. */
    if (error != ETIMEDOUT || link->options->timeout_ms < 0 ||
        idle_ms + WAIT_TICK_MS < link->options->timeout_ms)
        return explain(link, error);
    if (link->options->verb == PROTO_PUT)
        return link_error(link, "%s took no byte for %" PRId64 " s", link->server_name,
                          idle_ms / 1000);
    return link_error(link, "no byte from %s for %" PRId64 " s", link->server_name, idle_ms / 1000);
}

/* ---- talking ---- */

int link_send(struct link *link, const void *data, size_t len)
{
    struct limit limit = limit_of("word taken", link->options->timeout_ms);

    if (io_send_all(link->conn.fd, data, len, limit.deadline_ms) == 0)
        return 0;
    return explain_within(link, &limit, errno);
}

int link_request(struct link *link, const char *wire_name)
{
    char line[PROTO_REQUEST_MAX + 2];
    int len = snprintf(line, sizeof line, "%s %s%s", proto_verb_name(link->options->verb),
                       wire_name, link->options->bare ? "" : "\n");

    link->wire_name = wire_name;
    return link_send(link, line, (size_t)len);
}

/* Makes the next byte known without taking it. */
static int peek_byte(struct link *link, const struct limit *limit, char *next)
{
    if (io_unread(&link->conn) == 0) {
        ssize_t got = io_fill(&link->conn, limit->deadline_ms);
        if (got <= 0) {
            (void)explain_within(link, limit, got == 0 ? ENODATA : errno);
            return -1;
        }
    }
    *next = link->conn.buf[link->conn.start];
    return 0;
}

static int expect_within(struct link *link, const char *word, const struct limit *limit)
{
    char next, got[16];
    size_t len = strlen(word);

    if (peek_byte(link, limit, &next) < 0)
        return -1;
    if (next != word[0])
        return report_error(link);
    if (io_read_exact(&link->conn, got, len, limit->deadline_ms) < 0)
        return explain_within(link, limit, errno);
    if (memcmp(got, word, len) != 0)
        return link_error(link, "%s does not speak this protocol", link->server_name);
    return 0;
}

int link_expect(struct link *link, const char *word, const char *what)
{
    struct limit limit = limit_of(what, link->options->timeout_ms);
    return expect_within(link, word, &limit);
}

int link_expect_stored(struct link *link, uint64_t size)
{
    int64_t ms = link->options->timeout_ms;

    if (ms >= 0)
        ms += (int64_t)(size >> MIB_SHIFT) * STORE_MS_PER_MIB;
    struct limit limit = limit_of(PROTO_DONE, ms);
    return expect_within(link, PROTO_DONE, &limit);
}

int link_read_size(struct link *link, uint64_t *size)
{
    unsigned char wire[PROTO_SIZE_LEN];
    struct limit limit = limit_of("size", link->options->timeout_ms);
    char next;

    if (peek_byte(link, &limit, &next) < 0)
        return -1;
    if (next == PROTO_ERROR[0]) /* as a size, more than any file has */
        return report_error(link);
    if (io_read_exact(&link->conn, wire, sizeof wire, limit.deadline_ms) < 0)
        return explain_within(link, &limit, errno);
    *size = proto_get_size(wire);
    if (*size <= INT64_MAX)
        return 0;
    return link_error(link, "%s announces an impossible size, %" PRIu64 " bytes", link->server_name,
                      *size);
}

/* ---- waiting ---- */

/* Where no terminal shows the wait, one line tells of it once it is as long as any other may be. */
static void tell_of_wait(struct link *link)
{
    const struct client_options *options = link->options;
    int64_t waited_ms = io_now_ms() - link->began_ms;
    bool several = options->name_count > 1;

    if (link->told_wait || link->progress.on || options->quiet || options->timeout_ms < 0 ||
        waited_ms < options->timeout_ms)
        return;
    link->told_wait = true;
    say_line(STDERR_FILENO, "client waiting: %s%sno %s from %s for %" PRId64 " s",
             several ? link->name : "", several ? ": " : "", PROTO_READY, link->server_name,
             waited_ms / 1000);
}

/* io_wait() that shows what it waits for, and how long it has. */
static int wait_visibly(struct link *link, int fd, short events, int64_t deadline_ms,
                        const char *what)
{
    int64_t since_ms = io_now_ms();

    for (;;) {
        int64_t tick_ms = io_now_ms() + WAIT_TICK_MS;
        if (io_wait(fd, events, tick_ms < deadline_ms ? tick_ms : deadline_ms) == 0)
            return 0;
        if (errno != ETIMEDOUT)
            return -1;
        if (io_now_ms() >= deadline_ms) {
            errno = ETIMEDOUT;
            return -1;
        }
        progress_waiting(&link->progress, what, since_ms);
        tell_of_wait(link);
    }
}

/* ---- connecting ---- */

/* Returns a connected socket, or -1 with errno. */
static int connect_to(struct link *link, const struct addrinfo *address, int64_t deadline_ms,
                      const char *what)
{
    int error = 0;
    socklen_t len = sizeof error;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    io_prepare_socket(fd);
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        if (errno != EINPROGRESS || wait_visibly(link, fd, POLLOUT, deadline_ms, what) < 0)
            goto fail;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
            goto fail;
        if (error != 0) {
            errno = error;
            goto fail;
        }
    }
    io_keepalive(fd, KEEPALIVE_MS);
    return fd;
fail:
    io_close(fd);
    return -1;
}

/* Tries the addresses one after the other. Each has a time of its own, so that one that swallows
 * what is sent to it does not use up that of the next. Returns a connected socket, or -1 with
 * everything said. */
static int connect_any(struct link *link, const struct addrinfo *list, const struct limit *turn)
{
    char what[sizeof link->server_name];
    struct limit limit = *turn;
    int fd = -1;

    (void)snprintf(what, sizeof what, "connecting to %s", link->options->host);
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        if (a != list && io_now_ms() >= turn->deadline_ms)
            break;
        limit = limit_of("connection", link->options->connect_ms);
        if (limit.deadline_ms > turn->deadline_ms)
            limit = *turn;
        fd = connect_to(link, a, limit.deadline_ms, what);
    }
    int error = errno;
    progress_end(&link->progress, false);
    if (fd >= 0)
        return fd;
    if (is_over(turn, error))
        return say_too_late(link, turn);
    if (is_over(&limit, error))
        return link_error(link, "no connection to %s within %" PRId64 " s", link->server_name,
                          limit.ms / 1000);
    return link_error(link, "cannot connect to %s: %s", link->server_name, strerror(error));
}

/* Returns a connected socket, or -1 with everything said. */
static int find_and_connect(struct link *link, const struct limit *turn)
{
    const struct client_options *options = link->options;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char what[sizeof link->server_name];

    (void)snprintf(what, sizeof what, "looking up %s", options->host);
    progress_waiting(&link->progress, what, link->began_ms);
    int error = getaddrinfo(options->host, options->port, &hints, &list);
    if (error != 0) {
        int saved = errno;
        progress_end(&link->progress, false);
        return link_error(link, "no address for %s: %s", options->host,
                          error == EAI_SYSTEM ? strerror(saved) : gai_strerror(error));
    }
    int fd = connect_any(link, list, turn);
    freeaddrinfo(list);
    return fd;
}

/* Waits for the first byte, for as long as the server lets us wait; what follows it must come like
 * any other answer. */
static int wait_for_turn(struct link *link, const struct limit *turn)
{
    int outcome =
        wait_visibly(link, link->conn.fd, POLLIN, turn->deadline_ms, "waiting for a free slot");
    int error = errno;

    progress_end(&link->progress, false);
    if (outcome < 0)
        return explain_within(link, turn, error);
    struct limit rest = limit_of("whole " PROTO_READY, link->options->timeout_ms);
    return expect_within(link, PROTO_READY, rest.deadline_ms < turn->deadline_ms ? &rest : turn);
}

int link_open(struct link *link, const struct client_options *options, const char *name)
{
    struct limit turn = limit_of(PROTO_READY, options->wait_ms);

    *link = (struct link){.options = options, .name = name, .began_ms = io_now_ms()};
    progress_init(&link->progress, !options->quiet && !options->at_once);
    (void)snprintf(link->server_name, sizeof link->server_name, "%s port %s", options->host,
                   options->port);
    io_conn_init(&link->conn, find_and_connect(link, &turn));
    if (link->conn.fd < 0)
        return -1;
    if (wait_for_turn(link, &turn) == 0)
        return 0;
    link_close(link);
    return -1;
}

void link_close(struct link *link)
{
    io_close(link->conn.fd);
    link->conn.fd = -1;
}
