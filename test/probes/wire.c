/* wire.c - a raw TCP client that is told, step by step, what to send and what must come.
 *
 * Used by: test/lib.bash and the .bats files, as build/test/wire.
 * Usage:   wire [-h HOST] [-b ADDR] [-r BYTES] PORT STEP...     (HOST defaults to 127.0.0.1)
 *            -b   come from the address ADDR
 *            -r   with a receive buffer of BYTES, for readers that are to hold up their sender
 * Steps:   the table `verbs` below; `wire` without arguments lists them.
 *          TEXT understands \n \r \t \0 \\ \xNN. N is decimal, or @ for what learn-size read.
 * Exit:    0 every step went well, 1 one did not (stderr says which), 2 wrong usage,
 *          3 no connection.
 *
 * Every step has a deadline, 10 s unless the step `timeout` says otherwise; the steps that move
 * many bytes (zeros, sendfile, save, save-rest, skip, drip) fail only when nothing moves for that
 * long. A probe that its test forgot ends itself after LIFETIME_S. */

#define _GNU_SOURCE 1 /* NOLINT: feature_test_macros(7) */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STEP_OK = 0, STEP_FAILED = 1, WRONG_USAGE = 2, NO_CONNECTION = 3 };
enum {
    DEFAULT_TIMEOUT_MS = 10000,
    LIFETIME_S = 600,
    BYTEWISE_GAP_MS = 1,
    CHUNK_BYTES = 256 * 1024,
    SHOW_BYTES = 80,    /* how much of what came a message shows */
    SHOW_WAIT_MS = 100, /* how long a message waits for the rest of it */
    MAX_ARGS = 3,
};

struct arg {
    char *text; /* the word; for TEXT, unescaped in place */
    size_t len;
    uint64_t number;
    bool learned; /* N was given as @ */
};

struct wire;

struct verb {
    const char *name;
    const char *kinds; /* of its arguments: t TEXT, n N, p PATH */
    bool online;       /* needs a connection */
    int (*run)(struct wire *w, const struct arg *args);
    const char *help;
};

struct step {
    const struct verb *verb;
    struct arg args[MAX_ARGS];
};

struct wire {
    const char *host;
    const char *port;
    const char *from;  /* our own address, or NULL: any */
    int receive_bytes; /* of the receive buffer, 0: as usual */
    int fd;            /* -1 while there is no connection */
    int64_t timeout_ms;
    int64_t deadline_ms; /* of the step that runs, on now_ms()'s clock */
    uint64_t learned;    /* what @ stands for */
    const struct step *step;
    int step_no; /* from 1 */
};

/* What receive() met, and how a message calls it. */
enum arrival { CAME, ENDED, BROKEN, SILENT };
static const char *const arrival_words[] = {"", "end of file", "connection reset", "silence"};

static char chunk[CHUNK_BYTES]; /* for the steps that move many bytes */

/* ---- time ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(uint64_t ms)
{
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static void set_deadline(struct wire *w, int64_t ms)
{
    w->deadline_ms = ms < INT64_MAX - now_ms() ? now_ms() + ms : INT64_MAX;
}

/* Waits until the connection is ready for `events` or broken. Returns -1 with ETIMEDOUT at the
 * deadline. */
static int await(const struct wire *w, int fd, short events)
{
    for (;;) {
        int64_t left = w->deadline_ms - now_ms();
        struct pollfd ready = {.fd = fd, .events = events};
        int n = poll(&ready, 1, left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0)
            return 0;
        if (n == 0 && left <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        if (n < 0 && errno != EINTR)
            return -1;
    }
}

/* ---- messages: one line on stderr, which main() makes line buffered ---- */

static void print_escaped(FILE *out, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\\')
            fputs("\\\\", out);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
}

static void print_quoted(FILE *out, const char *bytes, size_t len)
{
    fputc('"', out);
    print_escaped(out, bytes, len < SHOW_BYTES ? len : SHOW_BYTES);
    fputs(len <= SHOW_BYTES ? "\"" : "...\"", out);
}

/* Begins the line of a failure: which step it was. */
static void blame_step(const struct wire *w)
{
    const struct verb *verb = w->step->verb;
    fprintf(stderr, "wire: step %d (%s", w->step_no, verb->name);
    for (size_t i = 0; verb->kinds[i] != '\0'; i++) {
        fputc(' ', stderr);
        if (verb->kinds[i] == 't')
            print_quoted(stderr, w->step->args[i].text, w->step->args[i].len);
        else
            fputs(w->step->args[i].text, stderr);
    }
    fputs("): ", stderr);
}

__attribute__((format(printf, 2, 3))) static int fail(const struct wire *w, const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    blame_step(w);
    vfprintf(stderr, format, rest);
    fputc('\n', stderr);
    va_end(rest);
    return STEP_FAILED;
}

/* ---- moving bytes ---- */

/* Receives what there is, up to `len` bytes, and adds their number to *got. */
static enum arrival receive(struct wire *w, char *buf, size_t len, size_t *got)
{
    for (;;) {
        if (await(w, w->fd, POLLIN) != 0)
            return errno == ETIMEDOUT ? SILENT : BROKEN;
        ssize_t n = recv(w->fd, buf, len, 0);
        if (n > 0) {
            *got += (size_t)n;
            return CAME;
        }
        if (n == 0)
            return ENDED;
        if (errno != EAGAIN && errno != EINTR)
            return BROKEN;
    }
}

/* Says what came (and, if the connection went on after `how`, what follows it), then what was
 * expected. `buf` has room for SHOW_BYTES more than `len`. */
static int unexpected(struct wire *w, enum arrival how, char *buf, size_t len,
                      const struct arg *text, const char *words)
{
    size_t room = len + SHOW_BYTES;
    set_deadline(w, SHOW_WAIT_MS);
    while (how == CAME && len < room && receive(w, buf + len, room - len, &len) == CAME)
        ;
    blame_step(w);
    fputs("got ", stderr);
    if (len > 0)
        print_quoted(stderr, buf, len);
    if (how != CAME)
        fprintf(stderr, "%s%s", len > 0 ? " and then " : "", arrival_words[how]);
    fputs(", expected ", stderr);
    if (text != NULL)
        print_quoted(stderr, text->text, text->len);
    else
        fputs(words, stderr);
    fputc('\n', stderr);
    return STEP_FAILED;
}

static int send_all(struct wire *w, const char *bytes, size_t len)
{
    size_t sent = 0;
    while (sent < len) {
        if (await(w, w->fd, POLLOUT) != 0)
            return fail(w, "sent %zu of %zu bytes, then: %s", sent, len, strerror(errno));
        ssize_t n = send(w->fd, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return fail(w, "sent %zu of %zu bytes, then: %s", sent, len, strerror(errno));
        if (n > 0) {
            sent += (size_t)n;
            set_deadline(w, w->timeout_ms);
        }
    }
    return STEP_OK;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* Reads exactly `total` bytes and writes them to `out_fd`, or nowhere when that is -1. */
static int take(struct wire *w, uint64_t total, int out_fd)
{
    uint64_t taken = 0;
    while (taken < total) {
        uint64_t left = total - taken;
        size_t len = left < sizeof chunk ? (size_t)left : sizeof chunk;
        size_t got = 0;
        enum arrival how = receive(w, chunk, len, &got);
        if (how != CAME)
            return fail(w, "%s after %ju of %ju bytes", arrival_words[how], (uintmax_t)taken,
                        (uintmax_t)total);
        if (out_fd >= 0 && write_all(out_fd, chunk, got) != 0)
            return fail(w, "write: %s", strerror(errno));
        taken += got;
        set_deadline(w, w->timeout_ms);
    }
    return STEP_OK;
}

/* ---- the connection ---- */

static void disconnect(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* Gives the socket the address that -b names. Returns 0, or -1 with errno. */
static int bind_from(const struct wire *w, int fd, int family)
{
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    if (getaddrinfo(w->from, NULL, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int outcome = bind(fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return outcome;
}

/* Before it is connected: a receive buffer that shrinks later takes back no window. */
static int prepare_socket(const struct wire *w, int fd, int family)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (w->receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &w->receive_bytes, sizeof w->receive_bytes);
    return w->from == NULL ? 0 : bind_from(w, fd, family);
}

/* Waits for the outcome of a connect(2) that failed with errno. Returns 0, or -1 with errno. */
static int finish_connect(const struct wire *w, int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (errno != EINPROGRESS || await(w, fd, POLLOUT) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return -1;
    errno = error;
    return error == 0 ? 0 : -1;
}

/* Returns a connected non-blocking socket, or -1 with errno. */
static int connect_address(const struct wire *w, const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (prepare_socket(w, fd, address->ai_family) == 0 &&
        (connect(fd, address->ai_addr, address->ai_addrlen) == 0 || finish_connect(w, fd) == 0))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Connects w->fd. Returns STEP_OK or, having said why, NO_CONNECTION. */
static int connect_wire(struct wire *w)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int unknown = getaddrinfo(w->host, w->port, &hints, &found);
    if (unknown != 0) {
        fprintf(stderr, "wire: %s port %s: %s\n", w->host, w->port, gai_strerror(unknown));
        return NO_CONNECTION;
    }
    for (struct addrinfo *a = found; a != NULL && w->fd < 0; a = a->ai_next)
        w->fd = connect_address(w, a);
    if (w->fd < 0)
        fprintf(stderr, "wire: connect to %s port %s: %s\n", w->host, w->port, strerror(errno));
    freeaddrinfo(found);
    return w->fd < 0 ? NO_CONNECTION : STEP_OK;
}

/* ---- the steps ---- */

static uint64_t number(const struct wire *w, const struct arg *arg)
{
    return arg->learned ? w->learned : arg->number;
}

/* Compares what comes with `len` bytes of `want` as it comes, so that a wrong answer shorter than
 * the right one is told at once instead of at the deadline. Calls it by text or by words. */
static int expect_bytes(struct wire *w, const char *want, size_t len, const struct arg *text,
                        const char *words)
{
    enum arrival how = CAME;
    size_t got = 0;
    int result = STEP_OK;
    char *buf = malloc(len + SHOW_BYTES);
    if (buf == NULL)
        return fail(w, "out of memory");
    while (how == CAME && got < len && memcmp(buf, want, got) == 0)
        how = receive(w, buf + got, len - got, &got);
    if (got < len || memcmp(buf, want, len) != 0)
        result = unexpected(w, how, buf, got, text, words);
    free(buf);
    return result;
}

static int run_expect(struct wire *w, const struct arg *args)
{
    return expect_bytes(w, args[0].text, args[0].len, &args[0], NULL);
}

static int run_send(struct wire *w, const struct arg *args)
{
    return send_all(w, args[0].text, args[0].len);
}

static int run_flood(struct wire *w, const struct arg *args)
{
    size_t len = args[0].len > 0 ? sizeof chunk - sizeof chunk % args[0].len : 0;
    for (size_t i = 0; i < len; i++)
        chunk[i] = args[0].text[i % args[0].len];
    while (send(w->fd, chunk, len, MSG_NOSIGNAL) >= 0 || errno == EAGAIN || errno == EINTR)
        if (await(w, w->fd, POLLOUT) != 0)
            return fail(w, "%s", strerror(errno));
    return STEP_OK;
}

static int run_urgent(struct wire *w, const struct arg *args)
{
    if (args[0].len == 1 && send(w->fd, args[0].text, 1, MSG_OOB | MSG_NOSIGNAL) == 1)
        return STEP_OK;
    return fail(w, "%s", args[0].len == 1 ? strerror(errno) : "one byte at a time");
}

static int run_bytewise(struct wire *w, const struct arg *args)
{
    int result = STEP_OK;
    for (size_t i = 0; i < args[0].len && result == STEP_OK; i++) {
        if (i > 0)
            pause_ms(BYTEWISE_GAP_MS);
        result = send_all(w, args[0].text + i, 1);
    }
    return result;
}

static int run_size(struct wire *w, const struct arg *args)
{
    uint64_t wire_size = htobe64(number(w, &args[0]));
    return send_all(w, (const char *)&wire_size, sizeof wire_size);
}

static int run_expect_size(struct wire *w, const struct arg *args)
{
    uint64_t wire_size = htobe64(number(w, &args[0]));
    char words[64];
    snprintf(words, sizeof words, "%ju as 8 bytes", (uintmax_t)number(w, &args[0]));
    return expect_bytes(w, (const char *)&wire_size, sizeof wire_size, NULL, words);
}

static int run_learn_size(struct wire *w, const struct arg *args)
{
    (void)args;
    uint64_t wire_size = 0;
    char buf[sizeof wire_size + SHOW_BYTES];
    enum arrival how = CAME;
    size_t got = 0;
    while (how == CAME && got < sizeof wire_size)
        how = receive(w, buf + got, sizeof wire_size - got, &got);
    if (got < sizeof wire_size)
        return unexpected(w, how, buf, got, NULL, "a size of 8 bytes");
    memcpy(&wire_size, buf, sizeof wire_size);
    w->learned = be64toh(wire_size);
    return STEP_OK;
}

static int run_measure(struct wire *w, const struct arg *args)
{
    struct stat st;
    if (stat(args[0].text, &st) != 0)
        return fail(w, "%s", strerror(errno));
    w->learned = (uint64_t)st.st_size;
    return STEP_OK;
}

static int run_zeros(struct wire *w, const struct arg *args)
{
    int result = STEP_OK;
    memset(chunk, 0, sizeof chunk);
    for (uint64_t left = number(w, &args[0]); left > 0 && result == STEP_OK;) {
        size_t len = left < sizeof chunk ? (size_t)left : sizeof chunk;
        result = send_all(w, chunk, len);
        left -= len;
    }
    return result;
}

static int run_sendfile(struct wire *w, const struct arg *args)
{
    int result = STEP_OK;
    ssize_t n = 0;
    int fd = open(args[0].text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(w, "%s", strerror(errno));
    while (result == STEP_OK && (n = read(fd, chunk, sizeof chunk)) > 0)
        result = send_all(w, chunk, (size_t)n);
    if (n < 0)
        result = fail(w, "read: %s", strerror(errno));
    close(fd);
    return result;
}

static int run_save(struct wire *w, const struct arg *args)
{
    int fd = open(args[1].text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail(w, "%s", strerror(errno));
    int result = take(w, number(w, &args[0]), fd);
    if (close(fd) != 0 && result == STEP_OK)
        result = fail(w, "close: %s", strerror(errno));
    return result;
}

/* After the end: a reset that came after the FIN does not show in recv(2), but here. */
static int check_no_reset(const struct wire *w)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
        return fail(w, "got end of file and then a reset (%s), expected end of file",
                    strerror(error));
    return STEP_OK;
}

static int save(const struct wire *w, const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail(w, "%s", strerror(errno));
    int written = write_all(fd, bytes, len);
    close(fd);
    return written == 0 ? STEP_OK : fail(w, "write: %s", strerror(errno));
}

/* Byte by byte: what follows belongs to the next step. */
static int run_save_until(struct wire *w, const struct arg *args)
{
    const struct arg *end = &args[0];
    size_t got = 0;
    enum arrival how = CAME;
    bool met = false;
    while (how == CAME && !met && got < sizeof chunk) {
        how = receive(w, chunk + got, 1, &got);
        met = got >= end->len && memcmp(chunk + got - end->len, end->text, end->len) == 0;
    }
    if (!met)
        return fail(w, "%s after %zu bytes", how == CAME ? "nothing like it" : arrival_words[how],
                    got);
    return save(w, args[1].text, chunk, got);
}

/* Prints how many there were, so that who asks need not measure the file. */
static int run_save_rest(struct wire *w, const struct arg *args)
{
    uint64_t taken = 0;
    enum arrival how = CAME;
    int result = STEP_OK;
    int fd = open(args[0].text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail(w, "%s", strerror(errno));
    while (how == CAME && result == STEP_OK) {
        size_t got = 0;
        how = receive(w, chunk, sizeof chunk, &got);
        if (write_all(fd, chunk, got) != 0)
            result = fail(w, "write: %s", strerror(errno));
        taken += got;
        set_deadline(w, w->timeout_ms);
    }
    close(fd);
    if (result == STEP_OK)
        result = how == ENDED ? check_no_reset(w)
                              : fail(w, "%s after %ju bytes", arrival_words[how], (uintmax_t)taken);
    printf("%ju\n", (uintmax_t)taken);
    return fflush(stdout) == 0 ? result : STEP_FAILED;
}

static int run_skip(struct wire *w, const struct arg *args)
{
    return take(w, number(w, &args[0]), -1);
}

/* A steady reader: what it cannot get at one moment, it does not make up for later. */
static int run_sip(struct wire *w, const struct arg *args)
{
    int64_t next_ms = now_ms();
    uint64_t most = number(w, &args[0]);
    for (uint64_t i = 0; i < number(w, &args[2]); i++) {
        enum arrival how = SILENT;
        size_t got = 0;
        next_ms += (int64_t)number(w, &args[1]);
        w->deadline_ms = next_ms;
        while (got < most && (how = receive(w, chunk, most - got, &got)) == CAME)
            ;
        if (got == 0 && how != SILENT)
            return fail(w, "%s after %ju times", arrival_words[how], (uintmax_t)i);
        if (next_ms > now_ms())
            pause_ms((uint64_t)(next_ms - now_ms()));
    }
    return STEP_OK;
}

static int run_drip(struct wire *w, const struct arg *args)
{
    int result = STEP_OK;
    uint64_t total = number(w, &args[0]);
    for (uint64_t i = 0; i < total && result == STEP_OK; i++) {
        if (i > 0)
            pause_ms(number(w, &args[1]));
        set_deadline(w, w->timeout_ms);
        result = send_all(w, "x", 1);
    }
    return result;
}

static int run_eof(struct wire *w, const struct arg *args)
{
    (void)args;
    char buf[2 * SHOW_BYTES];
    size_t got = 0;
    enum arrival how = receive(w, buf, 1, &got);
    return how == ENDED ? check_no_reset(w) : unexpected(w, how, buf, got, NULL, "end of file");
}

static int run_gone(struct wire *w, const struct arg *args)
{
    (void)args;
    char buf[2 * SHOW_BYTES];
    size_t got = 0;
    enum arrival how = receive(w, buf, 1, &got);
    if (how == ENDED || how == BROKEN)
        return STEP_OK;
    return unexpected(w, how, buf, got, NULL, "end of file or a reset");
}

static int run_rest(struct wire *w, const struct arg *args)
{
    (void)args;
    enum arrival how = CAME;
    while (how == CAME) {
        size_t got = 0;
        how = receive(w, chunk, sizeof chunk, &got);
        print_escaped(stdout, chunk, got);
    }
    putchar('\n');
    fflush(stdout);
    if (how == ENDED)
        return STEP_OK;
    return unexpected(w, how, chunk, 0, NULL, "end of file");
}

static int run_quiet(struct wire *w, const struct arg *args)
{
    char buf[2 * SHOW_BYTES];
    char words[64];
    size_t got = 0;
    set_deadline(w, (int64_t)number(w, &args[0]));
    enum arrival how = receive(w, buf, 1, &got);
    if (how == SILENT)
        return STEP_OK;
    snprintf(words, sizeof words, "%ju ms of silence", (uintmax_t)number(w, &args[0]));
    return unexpected(w, how, buf, got, NULL, words);
}

static int run_pause(struct wire *w, const struct arg *args)
{
    pause_ms(number(w, &args[0]));
    return STEP_OK;
}

static int run_timeout(struct wire *w, const struct arg *args)
{
    w->timeout_ms = (int64_t)number(w, &args[0]);
    return STEP_OK;
}

static int run_shut(struct wire *w, const struct arg *args)
{
    (void)args;
    return shutdown(w->fd, SHUT_WR) == 0 ? STEP_OK : fail(w, "%s", strerror(errno));
}

static int run_reset(struct wire *w, const struct arg *args)
{
    (void)args;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0)
        return fail(w, "SO_LINGER: %s", strerror(errno));
    disconnect(w);
    return STEP_OK;
}

static int run_close(struct wire *w, const struct arg *args)
{
    (void)args;
    disconnect(w);
    return STEP_OK;
}

static int run_say(struct wire *w, const struct arg *args)
{
    fwrite(args[0].text, 1, args[0].len, stdout);
    putchar('\n');
    return fflush(stdout) == 0 ? STEP_OK : fail(w, "%s", strerror(errno));
}

static int run_wait(struct wire *w, const struct arg *args)
{
    (void)args;
    char c = '\0';
    ssize_t n = 1;
    /* Byte by byte: what follows the line belongs to the next `wait`. */
    while (c != '\n' && (n > 0 || (n < 0 && errno == EINTR)))
        n = read(STDIN_FILENO, &c, 1);
    return n >= 0 ? STEP_OK : fail(w, "standard input: %s", strerror(errno));
}

static int run_wait_gone(struct wire *w, const struct arg *args)
{
    (void)args;
    size_t got = 0;
    set_deadline(w, INT64_MAX);
    while (receive(w, chunk, sizeof chunk, &got) == CAME)
        ;
    return STEP_OK;
}

static int run_localport(struct wire *w, const struct arg *args)
{
    (void)args;
    struct sockaddr_storage self;
    socklen_t len = sizeof self;
    char port[NI_MAXSERV];
    if (getsockname(w->fd, (struct sockaddr *)&self, &len) != 0 ||
        getnameinfo((struct sockaddr *)&self, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) != 0)
        return fail(w, "the socket has no name");
    puts(port);
    fflush(stdout);
    return STEP_OK;
}

static int run_reconnect(struct wire *w, const struct arg *args)
{
    (void)args;
    disconnect(w);
    return connect_wire(w);
}

static const struct verb verbs[] = {
    {"expect", "t", true, run_expect, "exactly these bytes come"},
    {"send", "t", true, run_send, "send in one piece"},
    {"flood", "t", true, run_flood, "send TEXT over and over until the peer closes or resets"},
    {"urgent", "t", true, run_urgent, "send one byte with MSG_OOB"},
    {"bytewise", "t", true, run_bytewise, "send every byte by itself, 1 ms apart"},
    {"size", "n", true, run_size, "send N as 8 bytes, big-endian"},
    {"expect-size", "n", true, run_expect_size, "N comes as 8 bytes, big-endian"},
    {"learn-size", "", true, run_learn_size, "read 8 bytes; @ stands for that number from now on"},
    {"measure", "p", false, run_measure, "@ stands for the size of PATH from now on"},
    {"zeros", "n", true, run_zeros, "send N zero bytes"},
    {"sendfile", "p", true, run_sendfile, "send the content of PATH"},
    {"save", "np", true, run_save, "read exactly N bytes into PATH"},
    {"save-until", "tp", true, run_save_until,
     "read into PATH, up to the first TEXT, which is saved too"},
    {"save-rest", "p", true, run_save_rest, "read into PATH until the clean end; print how much"},
    {"skip", "n", true, run_skip, "read exactly N bytes"},
    {"sip", "nnn", true, run_sip, "read up to N bytes (256 KiB at most) every N ms, N times"},
    {"drip", "nn", true, run_drip, "send N times an x, one every N ms"},
    {"eof", "", true, run_eof, "the next thing that comes is a clean end"},
    {"gone", "", true, run_gone, "the next thing that comes is an end or a reset"},
    {"rest", "", true, run_rest, "print what comes until the clean end, as one line"},
    {"quiet", "n", true, run_quiet, "nothing comes for N ms, no end either"},
    {"pause", "n", false, run_pause, "wait N ms"},
    {"timeout", "n", false, run_timeout, "the deadline of the steps after this one, in ms"},
    {"shut", "", true, run_shut, "half-close: no more to send"},
    {"reset", "", true, run_reset, "close with a reset"},
    {"close", "", true, run_close, "close"},
    {"say", "t", false, run_say, "print TEXT and a newline"},
    {"wait", "", false, run_wait, "block until a line or the end comes on standard input"},
    {"wait-gone", "", true, run_wait_gone, "block until the peer closes or resets"},
    {"localport", "", true, run_localport, "print our port number"},
    {"reconnect", "", false, run_reconnect, "a fresh connection to the same server"},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

/* ---- from arguments to steps ---- */

static int usage(void)
{
    fputs("usage: wire [-h HOST] [-b ADDR] [-r BYTES] PORT STEP...\n", stderr);
    for (size_t i = 0; i < VERBS; i++) {
        fprintf(stderr, "  %s", verbs[i].name);
        for (const char *kind = verbs[i].kinds; *kind != '\0'; kind++)
            fputs(*kind == 't' ? " TEXT" : *kind == 'n' ? " N" : " PATH", stderr);
        fprintf(stderr, "   %s\n", verbs[i].help);
    }
    return WRONG_USAGE;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)((at - digits) % 16);
}

/* Decodes the escape whose backslash *in is past; moves *in past the rest. -1: there is none. */
static int unescape_one(const char **in)
{
    static const char names[] = "nrt0\\";
    static const char meanings[] = "\n\r\t\0\\";
    char c = **in;
    if (c == 'x') {
        int high = hex_digit((*in)[1]);
        int low = high < 0 ? -1 : hex_digit((*in)[2]);
        *in += low < 0 ? 0 : 3;
        return low < 0 ? -1 : high * 16 + low;
    }
    const char *at = c == '\0' ? NULL : strchr(names, c);
    if (at == NULL)
        return -1;
    *in += 1;
    return meanings[at - names];
}

/* In place: what a word stands for is never longer than the word. */
static int parse_text(struct arg *arg)
{
    const char *in = arg->text;
    char *out = arg->text;
    while (*in != '\0') {
        int c = (unsigned char)*in++;
        if (c == '\\' && (c = unescape_one(&in)) < 0)
            return -1;
        *out++ = (char)c;
    }
    arg->len = (size_t)(out - arg->text);
    return 0;
}

static int parse_number(struct arg *arg)
{
    char *end;
    arg->learned = arg->text[0] == '@' && arg->text[1] == '\0';
    if (arg->learned)
        return 0;
    if (arg->text[0] < '0' || arg->text[0] > '9') /* strtoull(3) would take a sign and spaces */
        return -1;
    errno = 0;
    arg->number = strtoull(arg->text, &end, 10);
    return *end == '\0' && errno == 0 ? 0 : -1;
}

static int parse_arg(char kind, char *word, struct arg *arg)
{
    arg->text = word;
    if (kind == 't')
        return parse_text(arg);
    return kind == 'n' ? parse_number(arg) : 0;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* Fills `steps`, which has room for one per word. Returns how many, or -1 having said what is
 * wrong: before anything is sent, so that a misspelt step never looks like a failed one. */
static int parse_steps(char **words, struct step *steps)
{
    int count = 0;
    while (*words != NULL) {
        struct step *step = &steps[count++];
        const char *name = *words++;
        step->verb = find_verb(name);
        if (step->verb == NULL) {
            fprintf(stderr, "wire: step %d: there is no step \"%s\"\n", count, name);
            return -1;
        }
        for (size_t i = 0; step->verb->kinds[i] != '\0'; i++) {
            if (*words == NULL || parse_arg(step->verb->kinds[i], *words++, &step->args[i]) != 0) {
                fprintf(stderr, "wire: step %d (%s): argument %zu is missing or wrong\n", count,
                        name, i + 1);
                return -1;
            }
        }
    }
    return count;
}

static int run_steps(struct wire *w, const struct step *steps, int count)
{
    int result = connect_wire(w);
    for (int i = 0; i < count && result == STEP_OK; i++) {
        w->step = &steps[i];
        w->step_no = i + 1;
        set_deadline(w, w->timeout_ms);
        if (w->fd < 0 && steps[i].verb->online)
            return fail(w, "there is no connection any more");
        result = steps[i].verb->run(w, steps[i].args);
    }
    return result;
}

/* Returns 0 with optind at PORT, or -1. */
static int parse_options(int argc, char **argv, struct wire *w)
{
    int option;
    while ((option = getopt(argc, argv, "+h:b:r:")) != -1) {
        struct arg bytes = {.text = optarg};
        if (option == 'h')
            w->host = optarg;
        else if (option == 'b')
            w->from = optarg;
        else if (option != 'r' || parse_number(&bytes) != 0 || bytes.number > INT_MAX)
            return -1;
        else
            w->receive_bytes = (int)bytes.number;
    }
    return optind < argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct wire w = {.host = "127.0.0.1", .fd = -1, .timeout_ms = DEFAULT_TIMEOUT_MS};
    if (parse_options(argc, argv, &w) != 0)
        return usage();
    w.port = argv[optind];
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
    alarm(LIFETIME_S);
    struct step *steps = calloc((size_t)(argc - optind), sizeof *steps);
    if (steps == NULL)
        return STEP_FAILED;
    int count = parse_steps(argv + optind + 1, steps);
    set_deadline(&w, w.timeout_ms);
    int result = count < 0 ? WRONG_USAGE : run_steps(&w, steps, count);
    disconnect(&w);
    free(steps);
    return result;
}
