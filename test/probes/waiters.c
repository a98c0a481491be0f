/* waiters.c - thousands of clients that stand in line, and see that it is a line.
 *
 * Used by: hostile_clients.bats, as build/test/waiters.
 * Usage:   waiters PORT COUNT SAMPLE
 *          The server serves one client at a time, and somebody else has that slot.
 *          1. COUNT clients connect, one after the other.
 *          2. A line on standard input says that the slot comes free. The first SAMPLE must get
 *             their READY one by one in the order they came, each before any other hears anything,
 *             and then close.
 *          3. All but the last SAMPLE leave, and these must be served in order, too.
 * Prints:  waiting COUNT     after 1
 *          served 2*SAMPLE   after 3
 * Exit:    0 all went well, 1 something did not (stderr says what), 2 wrong usage.
 *
 * Every step has a deadline. A probe that its test forgot ends itself after LIFETIME_S. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WENT_WELL = 0, WENT_WRONG = 1, WRONG_USAGE = 2 };
enum { COUNT_MAX = 100000, TURN_MS = 20000, LIFETIME_S = 600 };

static struct pollfd line[COUNT_MAX]; /* in the order of arrival; fd -1: gone */

/* Returns a connected socket, or -1 with errno. */
static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int join_line(uint16_t port, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        line[i] = (struct pollfd){.fd = connect_to(port), .events = POLLIN};
        if (line[i].fd < 0) {
            fprintf(stderr, "waiters: client %zu cannot connect: %s\n", i + 1, strerror(errno));
            return -1;
        }
    }
    printf("waiting %zu\n", count);
    return fflush(stdout);
}

static void leave_line(size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        close(line[i].fd);
        line[i].fd = -1;
    }
}

/* Whoever of those behind `first` has heard something, or `end`. */
static size_t who_heard(size_t first, size_t end)
{
    size_t i = first;
    if (poll(line + first, (nfds_t)(end - first), 0) <= 0)
        return end;
    while (i < end && line[i].revents == 0)
        i++;
    return i;
}

/* Returns 0 when the clients from `from` to before `to` were served in order, and nobody before
 * `end` besides them; or -1 having said who was out of order. */
static int be_served(size_t from, size_t to, size_t end)
{
    char word[8];
    for (size_t i = from; i < to; i++) {
        if (poll(&line[i], 1, TURN_MS) <= 0) {
            fprintf(stderr, "waiters: client %zu waits in vain\n", i + 1);
            return -1;
        }
        ssize_t len = recv(line[i].fd, word, sizeof word, 0);
        if (len != 5 || memcmp(word, "READY", 5) != 0) {
            fprintf(stderr, "waiters: client %zu got %zd bytes, not READY\n", i + 1, len);
            return -1;
        }
        size_t other = who_heard(i + 1, end);
        if (other != end) {
            fprintf(stderr, "waiters: client %zu heard something in client %zu's turn\n", other + 1,
                    i + 1);
            return -1;
        }
        leave_line(i, i + 1);
    }
    return 0;
}

static int stand_in_line(uint16_t port, size_t count, size_t sample)
{
    char newline;
    if (join_line(port, count) != 0 || read(STDIN_FILENO, &newline, 1) != 1 ||
        be_served(0, sample, count) != 0)
        return -1;
    leave_line(sample, count - sample);
    if (be_served(count - sample, count, count) != 0)
        return -1;
    printf("served %zu\n", 2 * sample);
    return 0;
}

/* The usual soft limit of descriptors is 1024. */
static void raise_fd_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* A decimal number from `least` to `most`, or 0. */
static size_t parse_number(const char *word, size_t least, size_t most)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(word, &end, 10);
    int good = word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0;
    return good && number >= least && number <= most ? number : 0;
}

int main(int argc, char **argv)
{
    size_t port = argc == 4 ? parse_number(argv[1], 1, UINT16_MAX) : 0;
    size_t count = port > 0 ? parse_number(argv[2], 2, COUNT_MAX) : 0;
    size_t sample = count > 0 ? parse_number(argv[3], 1, count / 2) : 0;
    if (sample == 0) {
        fputs("usage: waiters PORT COUNT SAMPLE\n", stderr);
        return WRONG_USAGE;
    }
    alarm(LIFETIME_S);
    raise_fd_limit();
    return stand_in_line((uint16_t)port, count, sample) == 0 ? WENT_WELL : WENT_WRONG;
}
