/* crowd.c - clients that are all in the middle of a transfer, for as long as one likes.
 *
 * Used by: scripts/compare, as build/test/crowd.
 * Usage:   crowd PORT NAME RUNNING WAITING
 *          1. RUNNING clients connect, ask for NAME, read its first bytes, and stop reading. NAME
 *             must be larger than what fits into the buffers on the way (8 MiB do).
 *          2. WAITING more connect. With RUNNING places on the server, these stand in line.
 *          3. A line on standard input, or its end: all go on to their DONE, those in line too,
 *             when it is their turn.
 * Prints:  holding RUNNING                                               after 1 and 2
 *          running_done N running_cut N waiting_done N waiting_cut N     after 3
 *          where a client is cut when its connection ends, or it hears nothing for SILENCE_S,
 *          before its DONE.
 * Exit:    0 the clients were told to go on, 1 some could not be served in the first place (stderr
 *          says so), 2 wrong usage.
 *
 * A process for each client: it may simply wait. */

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WENT_WELL = 0, WENT_WRONG = 1, WRONG_USAGE = 2 };
enum { DONE = 0, CUT = 1 }; /* a client's exit status */
enum {
    CROWD_MAX = 1000,
    SILENCE_S = 20,
    RECEIVE_BYTES = 64 * 1024, /* in the kernel, on the client's side */
    FIRST_BYTES = 4096,
    REQUEST_MAX = 1024
};

static uint16_t port;
static const char *name;
static pid_t clients[CROWD_MAX];

/* ---- one client ---- */

static int join_line(void)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval silence = {.tv_sec = SILENCE_S};
    int room = RECEIVE_BYTES, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) < 0 ||
        connect(fd, (struct sockaddr *)&server, sizeof server) < 0) {
        fprintf(stderr, "crowd: connect: %s\n", strerror(errno));
        exit(WENT_WRONG);
    }
    return fd;
}

static void say(int fd, const char *bytes, size_t len)
{
    if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
        _exit(CUT);
}

static void hear(int fd, void *bytes, size_t len)
{
    if (recv(fd, bytes, len, MSG_WAITALL) != (ssize_t)len)
        _exit(CUT);
}

static void expect(int fd, const char *word)
{
    char heard[16];
    hear(fd, heard, strlen(word));
    if (memcmp(heard, word, strlen(word)) != 0)
        _exit(CUT);
}

/* Says that it is in the middle of its transfer, and waits for the gate to open: that nobody has
 * the other end of it any more. */
static void pause_at(int gate_fd, int told_fd)
{
    char byte = '.';
    if (write(told_fd, &byte, 1) != 1 || read(gate_fd, &byte, 1) != 0)
        _exit(CUT);
}

/* The whole of a client's life. One that is to stop in the middle has a `gate_fd`. */
__attribute__((noreturn)) static void be_client(int fd, int gate_fd, int told_fd)
{
    static char bytes[RECEIVE_BYTES];
    uint64_t left;

    int len = snprintf(bytes, REQUEST_MAX, "GET %s\n", name);
    expect(fd, "READY");
    say(fd, bytes, (size_t)len);
    expect(fd, "OK");
    say(fd, "READY", 5);
    hear(fd, &left, sizeof left);
    left = be64toh(left) - FIRST_BYTES;
    say(fd, "OK", 2);
    hear(fd, bytes, FIRST_BYTES);
    if (gate_fd >= 0)
        pause_at(gate_fd, told_fd);
    while (left > 0) {
        size_t part = left < sizeof bytes ? (size_t)left : sizeof bytes;
        hear(fd, bytes, part);
        left -= part;
    }
    expect(fd, "DONE");
    _exit(DONE);
}

/* ---- all of them ---- */

struct pipes {
    int gate[2]; /* nothing is ever written: its end is the signal */
    int told[2]; /* a byte from each client that has stopped in the middle */
};

/* Starts clients `from` to before `to`. They connect here, one after the other, so that they stand
 * in line in this order. Those that do not stop in the middle are not `gated`. */
static void start(size_t from, size_t to, bool gated, const struct pipes *pipes)
{
    for (size_t i = from; i < to; i++) {
        int fd = join_line();
        clients[i] = fork();
        if (clients[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(pipes->gate[1]);
            be_client(fd, gated ? pipes->gate[0] : -1, pipes->told[1]);
        }
        close(fd);
    }
}

/* Waits until `running` clients have stopped in the middle. Returns false where one will not. */
static bool all_in_the_middle(size_t running, int told_fd)
{
    char byte;
    for (size_t i = 0; i < running; i++)
        if (read(told_fd, &byte, 1) != 1)
            return false;
    return true;
}

/* How many of the clients `from` to before `to` came to their DONE. */
static size_t count_done(size_t from, size_t to)
{
    size_t done = 0;
    for (size_t i = from; i < to; i++) {
        int status = 0;
        if (waitpid(clients[i], &status, 0) == clients[i] && WIFEXITED(status) &&
            WEXITSTATUS(status) == DONE)
            done++;
    }
    return done;
}

static int gather(size_t running, size_t waiting)
{
    struct pipes pipes;
    size_t all = running + waiting;
    char newline;

    if (pipe(pipes.gate) < 0 || pipe(pipes.told) < 0)
        return WENT_WRONG;
    start(0, running, true, &pipes);
    close(pipes.told[1]);
    if (!all_in_the_middle(running, pipes.told[0])) {
        fputs("crowd: some were not served\n", stderr);
        return WENT_WRONG;
    }
    start(running, all, false, &pipes);
    printf("holding %zu\n", running);
    (void)fflush(stdout);

    (void)!read(STDIN_FILENO, &newline, 1);
    close(pipes.gate[1]);
    size_t running_done = count_done(0, running), waiting_done = count_done(running, all);
    printf("running_done %zu running_cut %zu waiting_done %zu waiting_cut %zu\n", running_done,
           running - running_done, waiting_done, waiting - waiting_done);
    return WENT_WELL;
}

/* A decimal number up to `most`, or SIZE_MAX. */
static size_t parse_number(const char *word, size_t most)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(word, &end, 10);
    bool good = word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0;
    return good && number <= most ? number : SIZE_MAX;
}

int main(int argc, char **argv)
{
    size_t number = argc == 5 ? parse_number(argv[1], UINT16_MAX) : SIZE_MAX;
    size_t running = argc == 5 ? parse_number(argv[3], CROWD_MAX / 2) : SIZE_MAX;
    size_t waiting = argc == 5 ? parse_number(argv[4], CROWD_MAX / 2) : SIZE_MAX;
    if (number == SIZE_MAX || running == SIZE_MAX || waiting == SIZE_MAX) {
        fputs("usage: crowd PORT NAME RUNNING WAITING\n", stderr);
        return WRONG_USAGE;
    }
    port = (uint16_t)number;
    name = argv[2];
    return gather(running, waiting);
}
