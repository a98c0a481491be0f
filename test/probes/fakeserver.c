/* fakeserver.c - a server that is told, step by step, what to say to its one client.
 *
 * Used by: the client's .bats files, as build/test/fakeserver.
 * Usage:   fakeserver STEP...
 *          fakeserver full ADDRESS PORT
 * Prints:  the port it listens on (of 127.0.0.1, chosen by the kernel), then "connected" when the
 *          client is there, then what the steps `say`.
 * Steps:   the table `verbs` below; `fakeserver` without arguments lists them. TEXT is taken as it
 *          is: the shell's $'...' writes any byte but NUL.
 *          With `full`, nobody gets a connection: the kernel's queue is full and nobody is taken
 * out of it, so that further SYNs are dropped (listen(2)), as by a firewall that says nothing.
 * Exit:    0 every step went well, 1 one did not (stderr says which), 2 wrong usage.
 *
 * The counterpart of wire.c: there the client is scripted, here the server. A step fails when the
 * client is silent, or takes nothing, for SILENCE_S; a probe that its test forgot ends itself after
 * LIFETIME_S. */

#define _GNU_SOURCE 1 /* NOLINT: feature_test_macros(7) */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { STEP_OK = 0, STEP_FAILED = 1, WRONG_USAGE = 2 };
enum { SILENCE_S = 10, LIFETIME_S = 600, CHUNK_BYTES = 64 * 1024 };

static int client_fd = -1;
static char chunk[CHUNK_BYTES];

static int fail(const char *what)
{
    fprintf(stderr, "fakeserver: %s\n", what);
    return STEP_FAILED;
}

static int send_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(client_fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return fail(strerror(errno));
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return STEP_OK;
}

/* Returns recv(2)'s result; 0 is the client's end of stream. */
static ssize_t receive(char *bytes, size_t len)
{
    ssize_t n;
    do
        n = recv(client_fd, bytes, len, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

/* ---- the steps ---- */

/* Compares what comes with `want` as it comes, so that a wrong word that is too short is told at
 * once. */
static int expect_bytes(const char *want, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = receive(chunk, len - got < sizeof chunk ? len - got : sizeof chunk);
        if (n <= 0)
            return fail(n == 0 ? "the client closed" : strerror(errno));
        if (memcmp(chunk, want + got, (size_t)n) != 0)
            return fail("something else came");
        got += (size_t)n;
    }
    return STEP_OK;
}

static int run_expect(const char *text)
{
    return expect_bytes(text, strlen(text));
}

static uint64_t wire_size(const char *number)
{
    return htobe64(strtoull(number, NULL, 10));
}

static int run_expect_size(const char *number)
{
    uint64_t want = wire_size(number);
    return expect_bytes((const char *)&want, sizeof want);
}

static int run_send(const char *text)
{
    return send_all(text, strlen(text));
}

static int run_urgent(const char *text)
{
    return send(client_fd, text, 1, MSG_OOB | MSG_NOSIGNAL) == 1 ? STEP_OK : fail(strerror(errno));
}

static int run_size(const char *number)
{
    uint64_t size = wire_size(number);
    return send_all((const char *)&size, sizeof size);
}

static int send_fill(char fill, const char *number)
{
    int result = STEP_OK;
    memset(chunk, fill, sizeof chunk);
    for (uint64_t left = strtoull(number, NULL, 10); left > 0 && result == STEP_OK;) {
        size_t len = left < sizeof chunk ? (size_t)left : sizeof chunk;
        result = send_all(chunk, len);
        left -= len;
    }
    return result;
}

static int run_zeros(const char *number)
{
    return send_fill(0, number);
}

static int run_bytes(const char *number)
{
    return send_fill('x', number);
}

static int run_skip(const char *number)
{
    for (uint64_t left = strtoull(number, NULL, 10); left > 0;) {
        ssize_t n = receive(chunk, left < sizeof chunk ? (size_t)left : sizeof chunk);
        if (n <= 0)
            return fail(n == 0 ? "the client closed" : strerror(errno));
        left -= (uint64_t)n;
    }
    return STEP_OK;
}

static int run_drain(const char *unused)
{
    (void)unused;
    ssize_t n;
    do
        n = receive(chunk, sizeof chunk);
    while (n > 0);
    return n == 0 || errno == ECONNRESET ? STEP_OK : fail(strerror(errno));
}

static int run_gone(const char *unused)
{
    (void)unused;
    ssize_t n = receive(chunk, 1);
    if (n > 0)
        return fail("the client said more");
    return n == 0 || errno == ECONNRESET ? STEP_OK : fail(strerror(errno));
}

static int run_shut(const char *unused)
{
    (void)unused;
    return shutdown(client_fd, SHUT_WR) == 0 ? STEP_OK : fail(strerror(errno));
}

static int run_close(const char *unused)
{
    (void)unused;
    close(client_fd);
    client_fd = -1;
    return STEP_OK;
}

static int run_reset(const char *unused)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(client_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0)
        return fail(strerror(errno));
    return run_close(unused);
}

static int run_say(const char *text)
{
    puts(text);
    return STEP_OK;
}

static int run_wait(const char *unused)
{
    (void)unused;
    char c = '\0';
    ssize_t n = 1;
    /* Byte by byte: what follows the line belongs to the next `wait`. */
    while (c != '\n' && (n > 0 || (n < 0 && errno == EINTR)))
        n = read(STDIN_FILENO, &c, 1);
    return n >= 0 ? STEP_OK : fail(strerror(errno));
}

static const struct verb {
    const char *name;
    const char *argument; /* NULL: none */
    int (*run)(const char *argument);
    const char *help;
} verbs[] = {
    {"expect", "TEXT", run_expect, "exactly these bytes come"},
    {"expect-size", "N", run_expect_size, "N comes as 8 bytes, big-endian"},
    {"send", "TEXT", run_send, "send in one piece"},
    {"urgent", "BYTE", run_urgent, "send one byte with MSG_OOB"},
    {"size", "N", run_size, "send N as 8 bytes, big-endian"},
    {"zeros", "N", run_zeros, "send N zero bytes"},
    {"bytes", "N", run_bytes, "send N times an x"},
    {"skip", "N", run_skip, "read exactly N bytes"},
    {"drain", NULL, run_drain, "read until the client's end or a reset"},
    {"gone", NULL, run_gone, "nothing more comes, but the client's end or a reset"},
    {"shut", NULL, run_shut, "half-close: no more to send"},
    {"close", NULL, run_close, "close; with unread bytes, that resets"},
    {"reset", NULL, run_reset, "close with a reset"},
    {"say", "TEXT", run_say, "print TEXT and a newline"},
    {"wait", NULL, run_wait, "block until a line or the end comes on standard input"},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

/* ---- from arguments to steps ---- */

static int usage(void)
{
    fputs("usage: fakeserver STEP...\n       fakeserver full ADDRESS PORT\n", stderr);
    for (size_t i = 0; i < VERBS; i++)
        fprintf(stderr, "  %s %s   %s\n", verbs[i].name,
                verbs[i].argument == NULL ? "" : verbs[i].argument, verbs[i].help);
    return WRONG_USAGE;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Are these words steps? Asked before the port is told, so that a misspelt step never looks like a
 * client that failed. */
static bool are_steps(char **words)
{
    while (*words != NULL) {
        const struct verb *verb = find_verb(*words++);
        if (verb == NULL)
            return false;
        if (verb->argument == NULL)
            continue;
        if (*words == NULL || (verb->argument[0] == 'N' && !is_number(*words)))
            return false;
        words++;
    }
    return true;
}

static int run_steps(char **words)
{
    int result = STEP_OK;
    for (int number = 1; *words != NULL && result == STEP_OK; number++) {
        const struct verb *verb = find_verb(*words++);
        const char *argument = verb->argument != NULL ? *words++ : "";
        result = verb->run(argument);
        if (result != STEP_OK)
            fprintf(stderr, "fakeserver: that was step %d (%s %s)\n", number, verb->name, argument);
    }
    return result;
}

/* ---- the connection ---- */

/* Returns a listening socket whose port has been told, or -1. */
static int listen_at(const char *address, unsigned port, int backlog)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof self;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &self.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&self, len) != 0 || listen(fd, backlog) != 0 ||
        getsockname(fd, (struct sockaddr *)&self, &len) != 0)
        return -1;
    /* Whoever reads the port must find the queue full already. */
    if (backlog == 0) {
        int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (filler < 0 || connect(filler, (struct sockaddr *)&self, len) != 0)
            return -1;
    }
    printf("%d\n", ntohs(self.sin_port));
    return fd;
}

/* Takes the one client there will be. Returns 0 or -1. */
static int accept_client(int listen_fd)
{
    struct timeval silence = {.tv_sec = SILENCE_S};
    int on = 1;
    client_fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    close(listen_fd);
    if (client_fd < 0 ||
        setsockopt(client_fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) != 0 ||
        setsockopt(client_fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence) != 0 ||
        setsockopt(client_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return -1;
    puts("connected");
    return 0;
}

int main(int argc, char **argv)
{
    bool full = argc == 4 && strcmp(argv[1], "full") == 0 && is_number(argv[3]);
    if (argc < 2 || (!full && !are_steps(argv + 1)))
        return usage();
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    alarm(LIFETIME_S);
    if (full) {
        unsigned port = (unsigned)strtoul(argv[3], NULL, 10);
        return listen_at(argv[2], port, 0) < 0 ? fail(strerror(errno)) : run_wait("");
    }
    int listen_fd = listen_at("127.0.0.1", 0, 1);
    if (listen_fd < 0 || accept_client(listen_fd) != 0)
        return fail(strerror(errno));
    int result = run_steps(argv + 1);
    if (client_fd >= 0)
        close(client_fd);
    return result;
}
