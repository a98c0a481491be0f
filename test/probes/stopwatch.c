/* stopwatch.c - how long a server, or the kernel, takes for one thing; all by one clock.
 *
 * Used by: scripts/compare, as build/test/stopwatch.
 * Usage:   stopwatch refill PORT NAME COUNT HOLD_MS
 *              How long a place stays empty. The server has one place, and COUNT + 1 clients stand
 *              in line for it. Each that is served keeps the place for a while, from 0 to HOLD_MS
 *              and spread evenly, gets NAME and leaves. Prints for each of the first COUNT the time
 *              from its DONE to the next one's READY.
 *          stopwatch move PORT GET|PUT NAME BYTES
 *              One file. Prints the time from READY to DONE. BYTES is what PUT sends.
 *          stopwatch start COUNT FD COMMAND...
 *              COUNT times: runs COMMAND, prints the time until it has written a line to its
 *              descriptor FD, and kills it.
 *          stopwatch bare COUNT MIB
 *              COUNT times pthread_create and pthread_join, then as often fork, _exit and waitpid,
 *              with MIB MiB of memory in use. Prints a line for each: "threads" or "fork", time.
 * Prints:  microseconds
 * Exit:    0 measured, 1 something failed (stderr says what), 2 wrong usage.
 *
 * A client that hears nothing for SILENCE_S fails. */

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WENT_WELL = 0, WENT_WRONG = 1, WRONG_USAGE = 2 };
enum {
    SILENCE_S = 30,
    CHUNK_BYTES = 256 * 1024,
    REQUEST_MAX = 1024,
    COUNT_MAX = 10000,
    FD_MAX = 9
};
static const uint64_t MIB = (uint64_t)1024 * 1024;

static char chunk[CHUNK_BYTES];

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void print_us(int64_t ns)
{
    printf("%" PRId64 ".%d\n", ns / 1000, (int)(ns % 1000 / 100));
}

/* Says what did not work; always -1. */
static int failed(const char *what)
{
    fprintf(stderr, "stopwatch: %s: %s\n", what, errno == 0 ? "not as expected" : strerror(errno));
    return -1;
}

/* ---- a client ---- */

static int join_line(uint16_t port)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval silence = {.tv_sec = SILENCE_S};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        return failed("connect");
    return fd;
}

static int say(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0)
            return failed("send");
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int hear(int fd, void *bytes, size_t len)
{
    errno = 0;
    return recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len ? 0 : -1;
}

static int expect(int fd, const char *word)
{
    char heard[16];
    if (hear(fd, heard, strlen(word)) < 0 || memcmp(heard, word, strlen(word)) != 0)
        return failed(word);
    return 0;
}

static int request(int fd, const char *verb, const char *name)
{
    char line[REQUEST_MAX];
    int len = snprintf(line, sizeof line, "%s %s\n", verb, name);
    return say(fd, line, (size_t)len) < 0 ? -1 : expect(fd, "OK");
}

/* From the request to DONE. */
static int get(int fd, const char *name)
{
    uint64_t size;

    if (request(fd, "GET", name) < 0 || say(fd, "READY", 5) < 0 || hear(fd, &size, sizeof size) < 0)
        return failed("GET");
    size = be64toh(size);
    if (say(fd, "OK", 2) < 0)
        return -1;
    while (size > 0) {
        ssize_t n = recv(fd, chunk, size < sizeof chunk ? (size_t)size : sizeof chunk, 0);
        if (n <= 0)
            return failed("the file's bytes");
        size -= (uint64_t)n;
    }
    return expect(fd, "DONE");
}

static int put(int fd, const char *name, uint64_t size)
{
    uint64_t wire_size = htobe64(size);

    if (request(fd, "PUT", name) < 0 || say(fd, &wire_size, sizeof wire_size) < 0 ||
        expect(fd, "OK") < 0)
        return -1;
    while (size > 0) {
        size_t len = size < sizeof chunk ? (size_t)size : sizeof chunk;
        if (say(fd, chunk, len) < 0)
            return -1;
        size -= len;
    }
    return expect(fd, "DONE");
}

/* ---- refill ---- */

/* A pause from 0 to `most_ms`. Multiples of the golden ratio, their whole parts dropped, fill the
 * range evenly however many there are. */
static void hold(size_t i, uint64_t most_ms)
{
    double part = (double)(i + 1) * 0.6180339887498949;
    int64_t ns = (int64_t)((part - (double)(int64_t)part) * (double)most_ms * 1e6);
    struct timespec pause = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    (void)nanosleep(&pause, NULL);
}

static int refill(uint16_t port, const char *name, size_t count, uint64_t hold_ms)
{
    static int line[COUNT_MAX + 1];

    for (size_t i = 0; i <= count; i++)
        if ((line[i] = join_line(port)) < 0)
            return -1;
    if (expect(line[0], "READY") < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        hold(i, hold_ms);
        if (get(line[i], name) < 0)
            return -1;
        int64_t freed_ns = now_ns();
        close(line[i]);
        if (expect(line[i + 1], "READY") < 0)
            return -1;
        print_us(now_ns() - freed_ns);
    }
    close(line[count]);
    return 0;
}

/* ---- move ---- */

static int move(uint16_t port, const char *verb, const char *name, uint64_t bytes)
{
    bool is_get = strcmp(verb, "GET") == 0;
    int fd = join_line(port);

    /* Not zeros: a server may take a short cut for those. */
    for (size_t i = 0; i < sizeof chunk; i++)
        chunk[i] = (char)(i % 251 + 1);
    if (fd < 0 || expect(fd, "READY") < 0)
        return -1;
    int64_t began_ns = now_ns();
    if ((is_get ? get(fd, name) : put(fd, name, bytes)) < 0)
        return -1;
    print_us(now_ns() - began_ns);
    close(fd);
    return 0;
}

/* ---- start ---- */

static int start_once(int ready_fd, char **command)
{
    int ends[2];
    char byte = '\0';

    if (pipe(ends) < 0)
        return failed("pipe");
    int64_t began_ns = now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(ends[1], ready_fd) < 0)
            _exit(WENT_WRONG);
        if (ends[0] != ready_fd)
            close(ends[0]);
        if (ends[1] != ready_fd)
            close(ends[1]);
        execvp(command[0], command);
        _exit(WENT_WRONG);
    }
    close(ends[1]);
    while (pid > 0 && byte != '\n' && read(ends[0], &byte, 1) == 1)
        ;
    int64_t took_ns = now_ns() - began_ns;
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (byte != '\n')
        return failed(command[0]);
    print_us(took_ns);
    return 0;
}

static int start(size_t count, int ready_fd, char **command)
{
    for (size_t i = 0; i < count; i++)
        if (start_once(ready_fd, command) < 0)
            return -1;
    return 0;
}

/* ---- bare ---- */

/* The time, or -1. */
static int64_t time_fork(void)
{
    int64_t began_ns = now_ns();
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0 || waitpid(pid, NULL, 0) < 0)
        return failed("fork");
    return now_ns() - began_ns;
}

static void *no_work(void *arg)
{
    return arg;
}

static int64_t time_thread(void)
{
    pthread_t thread;
    int64_t began_ns = now_ns();
    if (pthread_create(&thread, NULL, no_work, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return failed("pthread_create");
    return now_ns() - began_ns;
}

static int repeat(const char *name, int64_t (*time_one)(void), size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t ns = time_one();
        if (ns < 0)
            return -1;
        printf("%s ", name);
        print_us(ns);
    }
    return 0;
}

static int bare(size_t count, uint64_t mib)
{
    size_t len = (size_t)(mib * MIB);
    char *used = NULL;

    if (len > 0) {
        used = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (used == MAP_FAILED)
            return failed("mmap");
        (void)madvise(used, len, MADV_NOHUGEPAGE); /* as a heap of small pieces is */
        memset(used, 1, len);
    }
    /* Not in turns: the faults that a fork leaves behind would be the next thread's. */
    return repeat("threads", time_thread, count) < 0 ? -1 : repeat("fork", time_fork, count);
}

/* ---- arguments ---- */

static bool is_number = true; /* until parse_number() has met something else */

/* A decimal number up to `most`. */
static uint64_t parse_number(const char *word, uint64_t most)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 || number > most)
        is_number = false;
    return number;
}

static int run_refill(char **words)
{
    uint64_t port = parse_number(words[0], UINT16_MAX), count = parse_number(words[2], COUNT_MAX);
    uint64_t hold_ms = parse_number(words[3], UINT16_MAX);
    return is_number ? refill((uint16_t)port, words[1], (size_t)count, hold_ms) : WRONG_USAGE;
}

static int run_move(char **words)
{
    uint64_t port = parse_number(words[0], UINT16_MAX), bytes = parse_number(words[3], UINT64_MAX);
    return is_number ? move((uint16_t)port, words[1], words[2], bytes) : WRONG_USAGE;
}

static int run_start(char **words)
{
    uint64_t count = parse_number(words[0], COUNT_MAX), fd = parse_number(words[1], FD_MAX);
    return is_number ? start((size_t)count, (int)fd, words + 2) : WRONG_USAGE;
}

static int run_bare(char **words)
{
    uint64_t count = parse_number(words[0], COUNT_MAX), mib = parse_number(words[1], MIB);
    return is_number ? bare((size_t)count, mib) : WRONG_USAGE;
}

static const struct {
    const char *name;
    int least, most; /* words that follow */
    int (*run)(char **words);
} modes[] = {
    {"refill", 4, 4, run_refill},
    {"move", 4, 4, run_move},
    {"start", 3, COUNT_MAX, run_start},
    {"bare", 2, 2, run_bare},
};

int main(int argc, char **argv)
{
    int outcome = WRONG_USAGE;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0] && argc > 1; i++)
        if (strcmp(argv[1], modes[i].name) == 0 && argc - 2 >= modes[i].least &&
            argc - 2 <= modes[i].most)
            outcome = modes[i].run(argv + 2);
    if (outcome == WRONG_USAGE)
        fputs("usage: stopwatch refill PORT NAME COUNT HOLD_MS\n"
              "       stopwatch move PORT GET|PUT NAME BYTES\n"
              "       stopwatch start COUNT FD COMMAND...\n"
              "       stopwatch bare COUNT MIB\n",
              stderr);
    return outcome < 0 ? WENT_WRONG : outcome;
}
