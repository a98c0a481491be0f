/* swarm.c - many honest clients at once, in one process, for load tests.
 *
 * Used by: the .bats files and scripts/compare, as build/test/swarm.
 * Usage:   swarm [-h HOST] [-b ADDR] [-c CONCURRENT] [-n TOTAL] [-s BYTES] [-t SECS] [-d SECS]
 *                [-v] PORT GET|PUT|DEL|MIX|RESET NAME
 *            GET    reads NAME to its DONE        PUT    uploads BYTES bytes to NAME-<i>
 *            DEL    deletes NAME-<i>              RESET  connects and resets at once
 *            MIX    even requests PUT to NAME itself, odd ones GET it
 *          where i counts the requests from 0. Byte k of upload i is (i + k) mod 251; with -v
 *          every byte of a GET must fit that pattern too, so that a torn file shows.
 *          Unless told otherwise CONCURRENT is 8 (at most 4096), TOTAL 1000 (at most 1000000),
 *          BYTES 1024 and SECS, which bounds the whole, 60. With -b they come from ADDR. With -d no
 *          request begins after that many seconds, and TOTAL is as many as there were by then.
 * Prints:  ok N failed N seconds S.SSS per_second N p50_us N p99_us N
 *          (latencies of the good requests, from connect to DONE; stderr: the first failure)
 * Exit:    0 none failed, 1 some did, 2 wrong usage.
 *
 * One non-blocking connection per client and one poll(2) for all. A request is a row of moves
 * (read READY, send the request, ...); a client is a place in that row. */

#define _GNU_SOURCE 1 /* NOLINT: feature_test_macros(7) */
#include <endian.h>
#include <errno.h>
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ALL_GOOD = 0, SOME_FAILED = 1, WRONG_USAGE = 2 };
enum {
    REQUEST_BYTES = 1024, /* docs/protocol.md: a longer request is refused */
    MAX_CONCURRENT = 4096,
    MAX_TOTAL = 1000000,
    CHUNK_BYTES = 64 * 1024,
    PATTERN = 251, /* a prime, so that the pattern never falls in step with a block size */
};

enum act { CONNECT, EXPECT, SAY, REQUEST, SEND_SIZE, READ_SIZE, SEND_BODY, READ_BODY, RESET, END };

struct move {
    enum act act;
    const char *text; /* of EXPECT and SAY */
};

static const char *const act_words[] = {
    "connecting",       "reading",       "sending",       "sending the request", "sending the size",
    "reading the size", "sending bytes", "reading bytes", "resetting",           "done",
};

enum verb { GET, PUT, DEL, RESETS, MIX, VERBS };
static const char *const verb_names[VERBS] = {"GET", "PUT", "DEL", "RESET", "MIX"};

/* MIX has no row: each of its requests is a GET or a PUT. */
static const struct move moves[VERBS][10] = {
    [GET] = {{CONNECT, NULL},
             {EXPECT, "READY"},
             {REQUEST, NULL},
             {EXPECT, "OK"},
             {SAY, "READY"},
             {READ_SIZE, NULL},
             {SAY, "OK"},
             {READ_BODY, NULL},
             {EXPECT, "DONE"},
             {END, NULL}},
    [PUT] = {{CONNECT, NULL},
             {EXPECT, "READY"},
             {REQUEST, NULL},
             {EXPECT, "OK"},
             {SEND_SIZE, NULL},
             {EXPECT, "OK"},
             {SEND_BODY, NULL},
             {EXPECT, "DONE"},
             {END, NULL}},
    [DEL] = {{CONNECT, NULL}, {EXPECT, "READY"}, {REQUEST, NULL}, {EXPECT, "DONE"}, {END, NULL}},
    [RESETS] = {{CONNECT, NULL}, {RESET, NULL}, {END, NULL}},
};

struct client {
    int fd;      /* -1: this place is free */
    uint64_t no; /* which request, from 0 */
    enum verb verb;
    unsigned at;        /* which move of moves[verb] */
    uint64_t done;      /* bytes of this move */
    uint64_t file_size; /* GET */
    unsigned first;     /* GET: the first byte of the file */
    int64_t start_us;
    char small[REQUEST_BYTES]; /* whatever is not the file's content */
};

struct swarm {
    struct addrinfo *address;
    struct addrinfo *from; /* our own, or NULL: any */
    enum verb verb;
    const char *name;
    uint64_t concurrent;
    uint64_t total;
    uint64_t body_bytes;
    uint64_t limit_s;
    uint64_t duration_s; /* 0: until `total` have begun */
    bool verify;

    uint64_t started;
    uint64_t failed;
    uint64_t ok;
    struct client clients[MAX_CONCURRENT]; /* the first `concurrent` are used */
    struct pollfd polled[MAX_CONCURRENT];  /* the same places */
    int64_t latency_us[MAX_TOTAL];         /* of the first `ok` */
};

/* What a step of a client came to. */
enum progress { STEPPED, MUST_WAIT, FAILED };

static struct swarm swarm;
static char chunk[CHUNK_BYTES];

static const struct move *move_of(const struct client *c)
{
    return &moves[c->verb][c->at];
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- one client ---- */

/* Counts the failure, and tells the first one. */
__attribute__((format(printf, 3, 4))) static enum progress
fail(struct swarm *s, const struct client *c, const char *format, ...)
{
    va_list rest;
    if (s->failed++ > 0)
        return FAILED;
    va_start(rest, format);
    fprintf(stderr, "swarm: request %ju (%s): ", (uintmax_t)c->no, verb_names[c->verb]);
    vfprintf(stderr, format, rest);
    fputc('\n', stderr);
    va_end(rest);
    return FAILED;
}

/* What a failed or short call means: wait, or a failure. `n` is 0 at the end of the stream. */
static enum progress no_bytes(struct swarm *s, const struct client *c, ssize_t n)
{
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return MUST_WAIT;
    const struct move *move = move_of(c);
    return fail(s, c, "%s while %s %s", n == 0 ? "end of file" : strerror(errno),
                act_words[move->act], move->text != NULL ? move->text : "");
}

/* Sends the rest of `len` bytes, of which c->done went before. */
static enum progress send_small(struct swarm *s, struct client *c, const char *bytes, size_t len)
{
    ssize_t n = send(c->fd, bytes + c->done, len - (size_t)c->done, MSG_NOSIGNAL);
    if (n < 0)
        return no_bytes(s, c, n);
    c->done += (uint64_t)n;
    return c->done == len ? STEPPED : MUST_WAIT;
}

/* Reads up to `len` bytes into c->small, of which c->done came before. */
static enum progress read_small(struct swarm *s, struct client *c, size_t len)
{
    ssize_t n = recv(c->fd, c->small + c->done, len - (size_t)c->done, 0);
    if (n <= 0)
        return no_bytes(s, c, n);
    c->done += (uint64_t)n;
    return c->done == len ? STEPPED : MUST_WAIT;
}

static enum progress connected(struct swarm *s, struct client *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error == 0 ? STEPPED : fail(s, c, "connect: %s", strerror(error));
}

static enum progress expect(struct swarm *s, struct client *c)
{
    const char *want = move_of(c)->text;
    enum progress progress = read_small(s, c, strlen(want));
    if (progress == FAILED || memcmp(c->small, want, (size_t)c->done) == 0)
        return progress;
    ssize_t more = recv(c->fd, c->small + c->done, sizeof c->small - (size_t)c->done, 0);
    c->done += more > 0 ? (uint64_t)more : 0;
    return fail(s, c, "got \"%.*s\", expected \"%s\"", (int)c->done, c->small, want);
}

/* GET and MIX name the file itself, PUT and DEL a file for each request. */
static enum progress send_request(struct swarm *s, struct client *c)
{
    bool shared = s->verb == GET || s->verb == MIX;
    const char *verb = verb_names[c->verb];
    size_t room = sizeof c->small;
    int len = shared ? snprintf(c->small, room, "%s %s\n", verb, s->name)
                     : snprintf(c->small, room, "%s %s-%ju\n", verb, s->name, (uintmax_t)c->no);
    return send_small(s, c, c->small, (size_t)len);
}

static enum progress send_size(struct swarm *s, struct client *c)
{
    uint64_t wire_size = htobe64(s->body_bytes);
    return send_small(s, c, (const char *)&wire_size, sizeof wire_size);
}

static enum progress read_size(struct swarm *s, struct client *c)
{
    uint64_t wire_size;
    enum progress progress = read_small(s, c, sizeof wire_size);
    memcpy(&wire_size, c->small, sizeof wire_size);
    if (progress == STEPPED)
        c->file_size = be64toh(wire_size);
    return progress;
}

/* One chunk a turn, so that every client gets its turn. */
static enum progress send_body(struct swarm *s, struct client *c)
{
    uint64_t left = s->body_bytes - c->done;
    size_t len = left < sizeof chunk ? (size_t)left : sizeof chunk;
    for (size_t k = 0; k < len; k++)
        chunk[k] = (char)((c->no + c->done + k) % PATTERN);
    ssize_t n = len == 0 ? 0 : send(c->fd, chunk, len, MSG_NOSIGNAL);
    if (n < 0)
        return no_bytes(s, c, n);
    c->done += (uint64_t)n;
    return c->done == s->body_bytes ? STEPPED : MUST_WAIT;
}

static bool fits_pattern(struct client *c, size_t len)
{
    if (c->done == 0 && len > 0)
        c->first = (unsigned char)chunk[0];
    for (size_t k = 0; k < len; k++)
        if ((unsigned char)chunk[k] != (c->first + c->done + k) % PATTERN)
            return false;
    return true;
}

static enum progress read_body(struct swarm *s, struct client *c)
{
    uint64_t left = c->file_size - c->done;
    if (left == 0)
        return STEPPED;
    ssize_t n = recv(c->fd, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk, 0);
    if (n <= 0)
        return no_bytes(s, c, n);
    if (s->verify && !fits_pattern(c, (size_t)n))
        return fail(s, c, "the content is torn near byte %ju", (uintmax_t)c->done);
    c->done += (uint64_t)n;
    return c->done == c->file_size ? STEPPED : MUST_WAIT;
}

static enum progress reset(struct swarm *s, struct client *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0)
        return fail(s, c, "SO_LINGER: %s", strerror(errno));
    return STEPPED;
}

static enum progress make_move(struct swarm *s, struct client *c)
{
    switch (move_of(c)->act) {
    case CONNECT:
        return connected(s, c);
    case EXPECT:
        return expect(s, c);
    case SAY:
        return send_small(s, c, move_of(c)->text, strlen(move_of(c)->text));
    case REQUEST:
        return send_request(s, c);
    case SEND_SIZE:
        return send_size(s, c);
    case READ_SIZE:
        return read_size(s, c);
    case SEND_BODY:
        return send_body(s, c);
    case READ_BODY:
        return read_body(s, c);
    case RESET:
        return reset(s, c);
    case END:
        break;
    }
    return STEPPED;
}

static short events_of(const struct client *c)
{
    enum act act = move_of(c)->act;
    return act == EXPECT || act == READ_SIZE || act == READ_BODY ? POLLIN : POLLOUT;
}

/* ---- all of them ---- */

static void leave(struct client *c, struct pollfd *polled)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    polled->fd = -1;
}

/* Moves the client on until it has to wait, is done, or has failed. */
static void serve(struct swarm *s, struct client *c, struct pollfd *polled)
{
    enum progress progress = STEPPED;
    while (progress == STEPPED && move_of(c)->act != END) {
        progress = make_move(s, c);
        if (progress == STEPPED) {
            c->at++;
            c->done = 0;
        }
    }
    if (progress == STEPPED)
        s->latency_us[s->ok++] = now_us() - c->start_us;
    if (progress == MUST_WAIT)
        polled->events = events_of(c);
    else
        leave(c, polled);
}

/* Begins the next request in a free place. */
static void start(struct swarm *s, struct client *c, struct pollfd *polled)
{
    int one = 1;
    c->no = s->started++;
    c->verb = s->verb != MIX ? s->verb : c->no % 2 == 0 ? PUT : GET;
    c->at = 0;
    c->done = 0;
    c->start_us = now_us();
    c->fd = socket(s->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        fail(s, c, "socket: %s", strerror(errno));
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (s->from != NULL && bind(c->fd, s->from->ai_addr, s->from->ai_addrlen) != 0) {
        fail(s, c, "bind: %s", strerror(errno));
        leave(c, polled);
        return;
    }
    if (connect(c->fd, s->address->ai_addr, s->address->ai_addrlen) != 0 && errno != EINPROGRESS) {
        fail(s, c, "connect: %s", strerror(errno));
        leave(c, polled);
        return;
    }
    polled->fd = c->fd;
    polled->events = POLLOUT;
}

/* The time is up: whoever is not done has failed. */
static void give_up(struct swarm *s)
{
    for (uint64_t i = 0; i < s->concurrent; i++) {
        struct client *c = &s->clients[i];
        if (c->fd >= 0)
            fail(s, c, "not done when the %ju s were up", (uintmax_t)s->limit_s);
        leave(c, &s->polled[i]);
    }
    s->failed += s->total - s->started;
    s->started = s->total;
}

/* A connection may be refused at once: then the place is free for the next request. */
static void fill_places(struct swarm *s)
{
    for (uint64_t i = 0; i < s->concurrent; i++)
        while (s->clients[i].fd < 0 && s->started < s->total)
            start(s, &s->clients[i], &s->polled[i]);
}

static void run(struct swarm *s)
{
    int64_t end_us = now_us() + (int64_t)s->limit_s * 1000000;
    int64_t last_start_us = now_us() + (int64_t)s->duration_s * 1000000;
    while (s->ok + s->failed < s->total) {
        if (s->duration_s > 0 && now_us() > last_start_us)
            s->total = s->started;
        fill_places(s);
        if (s->ok + s->failed == s->total)
            break;
        int64_t left_ms = (end_us - now_us()) / 1000;
        if (left_ms <= 0) {
            give_up(s);
            break;
        }
        poll(s->polled, (nfds_t)s->concurrent, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
        for (uint64_t i = 0; i < s->concurrent; i++)
            if (s->polled[i].fd >= 0 && s->polled[i].revents != 0)
                serve(s, &s->clients[i], &s->polled[i]);
    }
}

static int by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int64_t percentile_us(const struct swarm *s, uint64_t percent)
{
    return s->ok == 0 ? 0 : s->latency_us[(s->ok - 1) * percent / 100];
}

static void report(struct swarm *s, int64_t took_us)
{
    double seconds = (double)(took_us > 0 ? took_us : 1) / 1e6;
    qsort(s->latency_us, (size_t)s->ok, sizeof s->latency_us[0], by_size);
    printf("ok %ju failed %ju seconds %.3f per_second %.0f p50_us %jd p99_us %jd\n",
           (uintmax_t)s->ok, (uintmax_t)s->failed, seconds, (double)s->ok / seconds,
           (intmax_t)percentile_us(s, 50), (intmax_t)percentile_us(s, 99));
}

/* ---- arguments ---- */

static int usage(void)
{
    fputs("usage: swarm [-h HOST] [-b ADDR] [-c CONCURRENT] [-n TOTAL] [-s BYTES] [-t SECS] [-d "
          "SECS]\n"
          "             [-v] PORT GET|PUT|DEL|MIX|RESET NAME\n",
          stderr);
    return WRONG_USAGE;
}

/* A decimal number, at least `least`. */
static bool parse_number(const char *word, uint64_t least, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0 && *number >= least;
}

/* Sets *found, which the caller frees, to the addresses of `host`. Having said why not: false. */
static bool look_up(const char *host, const char *port, struct addrinfo **found)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int unknown = getaddrinfo(host, port, &hints, found);
    if (unknown != 0)
        fprintf(stderr, "swarm: %s port %s: %s\n", host, port, gai_strerror(unknown));
    return unknown == 0;
}

static bool parse_options(int argc, char **argv, struct swarm *s, const char **host)
{
    int option;
    bool good = true;
    s->concurrent = 8;
    s->total = 1000;
    s->body_bytes = 1024;
    s->limit_s = 60;
    while (good && (option = getopt(argc, argv, "h:b:c:n:s:t:d:v")) != -1) {
        if (option == 'h')
            *host = optarg;
        else if (option == 'b')
            good = s->from == NULL && look_up(optarg, "0", &s->from);
        else if (option == 'c')
            good = parse_number(optarg, 1, &s->concurrent) && s->concurrent <= MAX_CONCURRENT;
        else if (option == 'n')
            good = parse_number(optarg, 1, &s->total) && s->total <= MAX_TOTAL;
        else if (option == 's')
            good = parse_number(optarg, 0, &s->body_bytes);
        else if (option == 't')
            good = parse_number(optarg, 1, &s->limit_s);
        else if (option == 'd')
            good = parse_number(optarg, 1, &s->duration_s);
        else if (option == 'v')
            s->verify = true;
        else
            good = false;
    }
    return good && argc - optind == 3;
}

static bool parse_request(char **words, struct swarm *s)
{
    s->verb = GET;
    while (s->verb < VERBS && strcmp(words[0], verb_names[s->verb]) != 0)
        s->verb++;
    s->name = words[1];
    return s->verb < VERBS && strlen(s->name) < REQUEST_BYTES - 32; /* verb, number, newline */
}

/* Every client is an fd, and the usual soft limit is 1024. */
static void raise_fd_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    struct swarm *s = &swarm;
    const char *host = "127.0.0.1";
    if (!parse_options(argc, argv, s, &host) || !parse_request(argv + optind + 1, s))
        return usage();
    raise_fd_limit();
    if (!look_up(host, argv[optind], &s->address))
        return SOME_FAILED;
    for (uint64_t i = 0; i < s->concurrent; i++)
        s->clients[i].fd = s->polled[i].fd = -1;
    int64_t start_us = now_us();
    run(s);
    report(s, now_us() - start_us);
    freeaddrinfo(s->address);
    if (s->from != NULL)
        freeaddrinfo(s->from);
    return s->failed == 0 ? ALL_GOOD : SOME_FAILED;
}
