/* link.c - the client's end of a conversation with a server.
 *
 * Called by: get.c, put.c, del.c.
 * Runs in:   the client, or one of its jobs. */
#include "link.h"

#include "log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    KEEPALIVE_MS = 60000, /* a server whose machine is gone is noticed after about so long */
    ERROR_QUIET_MS =
        500, /* an ERROR is whole when the server closes, or says no more for so long */
    ERROR_WHOLE_MS = 5000,
    WAIT_TICK_MS = 1000 /* how often "waiting for a free slot" is redrawn */
};

int client_error(const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_error("client error", "%s", text);
    return -1;
}

/* ---- talking ---- */

int link_send(struct link *link, const void *data, size_t len)
{
    if (io_send_all(link->conn.fd, data, len, IO_NO_DEADLINE) == 0)
        return 0;
    return link_explain(link, errno);
}

int link_request(struct link *link, const char *name)
{
    char line[PROTO_REQUEST_MAX + 2];
    int len = snprintf(line, sizeof line, "%s %s%s", proto_verb_name(link->options->verb), name,
                       link->options->bare ? "" : "\n");
    return link_send(link, line, (size_t)len);
}

/* Reads on until the server closes or pauses, but not for ever. */
static void fill_until_quiet(struct link *link)
{
    int64_t until_ms = io_now_ms() + ERROR_WHOLE_MS;

    while (io_now_ms() < until_ms && io_fill(&link->conn, io_now_ms() + ERROR_QUIET_MS) > 0)
        ;
}

/* Reads the rest of what the server says, which starts like an ERROR, and passes it on. */
static int report_error(struct link *link)
{
    const size_t prefix_len = sizeof PROTO_ERROR - 1;
    char text[LOG_TEXT_MAX];

    fill_until_quiet(link);
    const char *said = link->conn.buf + link->conn.start;
    size_t len = io_unread(&link->conn);
    if (len < prefix_len || memcmp(said, PROTO_ERROR, prefix_len) != 0)
        return client_error("%s does not speak this protocol", link->server_name);
    while (len > prefix_len && (said[len - 1] == '\n' || said[len - 1] == '\r'))
        len--;
    proto_escape(text, sizeof text, said + prefix_len, len - prefix_len);
    log_to(STDERR_FILENO, "server error: %s", text);
    return -1;
}

static int too_late(const struct link *link)
{
    return client_error("no READY from %s within %d s", link->server_name,
                        link->options->wait_ms / 1000);
}

int link_explain(struct link *link, int error)
{
    if (error == ETIMEDOUT && link->options->wait_ms >= 0 && !link->ready)
        return too_late(link);
    /* What the server said before it closed or reset outlives the connection's end. */
    fill_until_quiet(link);
    if (io_unread(&link->conn) > 0 && link->conn.buf[link->conn.start] == PROTO_ERROR[0])
        return report_error(link);
    if (error == 0 || error == ENODATA)
        return client_error("%s closed the connection", link->server_name);
    return client_error("connection to %s lost: %s", link->server_name, strerror(error));
}

/* Makes the next byte known without taking it. */
static int peek_byte(struct link *link, int64_t deadline_ms, char *next)
{
    if (io_unread(&link->conn) == 0) {
        ssize_t got = io_fill(&link->conn, deadline_ms);
        if (got <= 0) {
            (void)link_explain(link, got == 0 ? ENODATA : errno);
            return -1;
        }
    }
    *next = link->conn.buf[link->conn.start];
    return 0;
}

static int expect_by(struct link *link, const char *word, int64_t deadline_ms)
{
    char next, got[16];
    size_t len = strlen(word);

    if (peek_byte(link, deadline_ms, &next) < 0)
        return -1;
    if (next != word[0])
        return report_error(link);
    if (io_read_exact(&link->conn, got, len, deadline_ms) < 0)
        return link_explain(link, errno);
    if (memcmp(got, word, len) != 0)
        return client_error("%s does not speak this protocol", link->server_name);
    return 0;
}

int link_expect(struct link *link, const char *word)
{
    return expect_by(link, word, IO_NO_DEADLINE);
}

int link_read_size(struct link *link, uint64_t *size)
{
    unsigned char wire[PROTO_SIZE_LEN];
    char next;

    if (peek_byte(link, IO_NO_DEADLINE, &next) < 0)
        return -1;
    if (next == PROTO_ERROR[0]) /* as a size, more than any file has */
        return report_error(link);
    if (io_read_exact(&link->conn, wire, sizeof wire, IO_NO_DEADLINE) < 0)
        return link_explain(link, errno);
    *size = proto_get_size(wire);
    if (*size <= INT64_MAX)
        return 0;
    return client_error("%s announces an impossible size", link->server_name);
}

/* ---- connecting ---- */

static int64_t ready_deadline(const struct client_options *options)
{
    return options->wait_ms < 0 ? IO_NO_DEADLINE : io_now_ms() + options->wait_ms;
}

/* Returns a connected socket, or -1 with errno. */
static int connect_to(const struct addrinfo *address, int64_t deadline_ms)
{
    int error = 0, on = 1;
    socklen_t len = sizeof error;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        if (errno != EINPROGRESS || io_wait(fd, POLLOUT, deadline_ms) < 0)
            goto fail;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
            goto fail;
        if (error != 0) {
            errno = error;
            goto fail;
        }
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    io_keepalive(fd, KEEPALIVE_MS);
    return fd;
fail:
    io_close(fd);
    return -1;
}

/* Tries each of the host's addresses. Returns a connected socket, or -1 with everything said. */
static int connect_any(const struct link *link, int64_t deadline_ms)
{
    const struct client_options *options = link->options;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int fd = -1;

    int error = getaddrinfo(options->host, options->port, &hints, &list);
    if (error != 0)
        return client_error("no address for %s: %s", options->host, gai_strerror(error));
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next)
        fd = connect_to(a, deadline_ms);
    int saved = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return client_error("cannot connect to %s: %s", link->server_name, strerror(saved));
    return fd;
}

/* Waits for the first byte, and shows for how long on a terminal. */
static int wait_for_turn(struct link *link, int64_t deadline_ms)
{
    int64_t since_ms = io_now_ms();

    for (;;) {
        int64_t tick_ms = io_now_ms() + WAIT_TICK_MS;
        if (io_wait(link->conn.fd, POLLIN, tick_ms < deadline_ms ? tick_ms : deadline_ms) == 0)
            break;
        if (errno != ETIMEDOUT)
            return client_error("waiting for %s: %s", link->server_name, strerror(errno));
        if (io_now_ms() >= deadline_ms) {
            progress_end(&link->progress, false);
            return too_late(link);
        }
        progress_waiting(&link->progress, since_ms);
    }
    progress_end(&link->progress, false);
    return expect_by(link, PROTO_READY, deadline_ms);
}

int link_open(struct link *link, const struct client_options *options)
{
    int64_t deadline_ms = ready_deadline(options);

    *link = (struct link){.options = options};
    progress_init(&link->progress, !options->quiet);
    (void)snprintf(link->server_name, sizeof link->server_name, "%s port %s", options->host,
                   options->port);
    io_conn_init(&link->conn, connect_any(link, deadline_ms));
    if (link->conn.fd < 0)
        return -1;
    link->ready = wait_for_turn(link, deadline_ms) == 0;
    if (link->ready)
        return 0;
    link_close(link);
    return -1;
}

void link_close(struct link *link)
{
    io_close(link->conn.fd);
    link->conn.fd = -1;
}
