/* put_ways.c - which way is faster from a socket into a file: recv and pwrite through a buffer, or
 * splice through a pipe?
 *
 * Used by: scripts/bench-parts; the answer is why transfer.c receives as it does.
 * Usage:   put_ways DIR MEBIBYTES ROUNDS
 * Every way moves the same number of bytes over loopback into a fresh unnamed file in DIR; the
 * ways take turns, ROUNDS times, and the median of each is printed.
 * Exit status: 0 measured, 1 something failed, 2 wrong usage. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const size_t KIB = 1024, MIB = (size_t)1024 * 1024;
enum { MAX_ROUNDS = 99, CHUNK_MAX = 1024 * 1024 };

struct way {
    const char *name;
    bool splice;
    size_t chunk; /* the buffer, or the pipe */
};

static const struct way ways[] = {
    {"recv + pwrite,   64 KiB", false, 64 * KIB}, {"recv + pwrite,  256 KiB", false, 256 * KIB},
    {"recv + pwrite, 1024 KiB", false, MIB},      {"splice,   64 KiB pipe  ", true, 64 * KIB},
    {"splice, 1024 KiB pipe  ", true, MIB},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

__attribute__((noreturn)) static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A connected loopback pair; TCP, because a socketpair would not be what the server has. */
static void connect_pair(int pair[2])
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof self;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&self, len) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&self, &len) < 0)
        die("listen");
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (pair[0] < 0 || connect(pair[0], (struct sockaddr *)&self, len) < 0)
        die("connect");
    pair[1] = accept(listener, NULL, NULL);
    if (pair[1] < 0)
        die("accept");
    close(listener);
}

/* The sender: a process of its own, so that it does not take turns with the receiver. */
static pid_t start_sender(const int pair[2], uint64_t bytes)
{
    static char data[CHUNK_MAX];
    pid_t child = fork();

    if (child != 0)
        return child;
    close(pair[1]);
    memset(data, 'x', sizeof data);
    while (bytes > 0) {
        ssize_t sent = send(pair[0], data, bytes < sizeof data ? bytes : sizeof data, 0);
        if (sent < 0)
            _exit(EXIT_FAILURE);
        bytes -= (uint64_t)sent;
    }
    _exit(EXIT_SUCCESS);
}

static void receive_by_buffer(int sock, int file, uint64_t bytes, size_t chunk)
{
    static char data[CHUNK_MAX];

    for (uint64_t at = 0; at < bytes;) {
        ssize_t got = recv(sock, data, chunk, 0);
        if (got <= 0 || pwrite(file, data, (size_t)got, (off_t)at) != got)
            die("recv, pwrite");
        at += (uint64_t)got;
    }
}

static void receive_by_splice(int sock, int file, uint64_t bytes, size_t chunk)
{
    int ends[2];

    if (pipe(ends) < 0 || fcntl(ends[1], F_SETPIPE_SZ, (int)chunk) < 0)
        die("pipe");
    for (uint64_t at = 0; at < bytes;) {
        ssize_t got = splice(sock, NULL, ends[1], NULL, chunk, SPLICE_F_MOVE);
        if (got <= 0)
            die("splice");
        for (ssize_t left = got; left > 0;) {
            ssize_t put = splice(ends[0], NULL, file, NULL, (size_t)left, SPLICE_F_MOVE);
            if (put <= 0)
                die("splice");
            left -= put;
        }
        at += (uint64_t)got;
    }
    close(ends[0]);
    close(ends[1]);
}

/* What `bytes` took: by the clock, and of this process's processor time, which other programs on
 * the machine disturb less. */
struct cost {
    double seconds, cpu_seconds;
};

static struct cost run(const struct way *way, const char *dir, uint64_t bytes)
{
    int pair[2], status;
    int file = open(dir, O_TMPFILE | O_WRONLY, 0600);

    if (file < 0 || fallocate(file, 0, 0, (off_t)bytes) < 0)
        die(dir);
    connect_pair(pair);
    pid_t sender = start_sender(pair, bytes);
    close(pair[0]);
    double began = now(CLOCK_MONOTONIC), cpu_began = now(CLOCK_PROCESS_CPUTIME_ID);
    if (way->splice)
        receive_by_splice(pair[1], file, bytes, way->chunk);
    else
        receive_by_buffer(pair[1], file, bytes, way->chunk);
    const struct cost cost = {now(CLOCK_MONOTONIC) - began,
                              now(CLOCK_PROCESS_CPUTIME_ID) - cpu_began};
    close(pair[1]);
    close(file);
    if (waitpid(sender, &status, 0) < 0 || status != 0)
        die("sender");
    return cost;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    double seconds[WAYS][MAX_ROUNDS], cpu_seconds[WAYS][MAX_ROUNDS];
    unsigned long mebibytes = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    unsigned long rounds = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

    if (mebibytes == 0 || rounds == 0 || rounds > MAX_ROUNDS) {
        fputs("usage: put_ways DIR MEBIBYTES ROUNDS (1 to 99)\n", stderr);
        return 2;
    }
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < WAYS; i++) {
            struct cost cost = run(&ways[i], argv[1], (uint64_t)mebibytes * MIB);
            seconds[i][round] = cost.seconds;
            cpu_seconds[i][round] = cost.cpu_seconds;
        }
    }
    for (size_t i = 0; i < WAYS; i++)
        printf("%s  %6.0f MiB/s  %6.0f MiB per second of CPU (medians of %lu)\n", ways[i].name,
               (double)mebibytes / median(seconds[i], rounds),
               (double)mebibytes / median(cpu_seconds[i], rounds), rounds);
    return EXIT_SUCCESS;
}
