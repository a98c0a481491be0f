/* bare.c - the session and the start that bare_fork and bare_thread have in common.
 *
 * Runs in: the worker, and the parent at its start. Blocking sockets: who is silent holds a worker
 *          for ever, and whoever asks for a name gets what it leads to. */
#include "bare.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    REQUEST_BYTES = 1025,
    BLOCK_BYTES = 64 * 1024, /* of an upload; on the stack */
    BACKLOG = 4096
};

/* ---- the session ---- */

static void send_file(int in_fd, int out_fd, int file_fd)
{
    char answer[8];
    struct stat st;

    if (fstat(file_fd, &st) < 0 || write(out_fd, "OK", 2) != 2 ||
        read(in_fd, answer, sizeof answer) <= 0)
        return;
    uint64_t wire = htobe64((uint64_t)st.st_size);
    if (write(out_fd, &wire, sizeof wire) < 0 || read(in_fd, answer, sizeof answer) <= 0)
        return;
    for (off_t at = 0; at < st.st_size;)
        if (sendfile(out_fd, file_fd, &at, (size_t)(st.st_size - at)) <= 0)
            return;
    (void)!write(out_fd, "DONE", 4);
}

/* Without a name where it is to be durable (open(2), O_TMPFILE), else under its own. */
static int create(const struct bare *bare, const char *name)
{
    return bare->durable ? openat(bare->root_fd, ".", O_TMPFILE | O_WRONLY, 0644)
                         : openat(bare->root_fd, name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
}

int bare_link(int file_fd, int dir_fd, const char *name)
{
    char path[64];

    if (linkat(file_fd, "", dir_fd, name, AT_EMPTY_PATH) == 0)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file_fd);
    return errno == ENOENT ? linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW) : -1;
}

/* The calls of staged_commit() for a name that is new. */
static bool commit(const struct bare *bare, int file_fd, const char *name)
{
    return !bare->durable || (fsync(file_fd) == 0 && bare_link(file_fd, bare->root_fd, name) == 0 &&
                              fsync(bare->root_fd) == 0);
}

static void receive_file(const struct bare *bare, int in_fd, int out_fd, const char *name)
{
    char block[BLOCK_BYTES];
    uint64_t wire;
    int file_fd = create(bare, name);

    if (file_fd < 0)
        return;
    if (write(out_fd, "OK", 2) != 2 || read(in_fd, &wire, sizeof wire) != sizeof wire ||
        write(out_fd, "OK", 2) != 2)
        goto out;
    for (uint64_t left = be64toh(wire); left > 0;) {
        ssize_t got = read(in_fd, block, left < sizeof block ? (size_t)left : sizeof block);
        if (got <= 0 || write(file_fd, block, (size_t)got) != got)
            goto out;
        left -= (uint64_t)got;
    }
    if (commit(bare, file_fd, name))
        (void)!write(out_fd, "DONE", 4);
out:
    close(file_fd);
}

/* "GET name\n": what one read(2) returns is the request. */
void bare_serve(const struct bare *bare, int in_fd, int out_fd)
{
    char request[REQUEST_BYTES];

    if (write(out_fd, "READY", 5) != 5)
        return;
    ssize_t len = read(in_fd, request, sizeof request - 1);
    if (len < 5)
        return;
    request[request[len - 1] == '\n' ? len - 1 : len] = '\0';
    const char *name = request + 4;
    if (request[0] == 'P') {
        receive_file(bare, in_fd, out_fd, name);
        return;
    }
    int file_fd = openat(bare->root_fd, name, O_RDONLY);
    if (file_fd >= 0) {
        send_file(in_fd, out_fd, file_fd);
        close(file_fd);
    }
}

/* ---- the start ---- */

__attribute__((noreturn)) static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* Without TCP_NODELAY, which the clients' sockets inherit, DONE would wait for the acknowledgment
 * of what goes before it. */
static int listen_somewhere(void)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof self;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&self, len) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&self, &len) < 0)
        die("listen");
    printf("%u\n", (unsigned)ntohs(self.sin_port));
    fflush(stdout);
    return fd;
}

__attribute__((noreturn)) static void misused(void)
{
    fputs("usage: bare_fork|bare_thread [-i] [-p] [-s] DIR [CAP]\n"
          "  -i  one client, on standard input and output\n"
          "  -p  with the calls that ferry's promises need (bare_fork)\n"
          "  -s  uploads are flushed, as by --sync=full\n",
          stderr);
    exit(2);
}

struct bare bare_start(int argc, char **argv)
{
    struct bare bare = {.listen_fd = -1, .cap = 50};
    bool inetd = false;
    int option;

    while ((option = getopt(argc, argv, "ips")) != -1) {
        switch (option) {
        case 'i':
            inetd = true;
            break;
        case 'p':
            bare.promises = true;
            break;
        case 's':
            bare.durable = true;
            break;
        default:
            misused();
        }
    }
    if (argc - optind < 1 || argc - optind > 2)
        misused();
    if (argc - optind == 2)
        bare.cap = (unsigned)strtoul(argv[optind + 1], NULL, 10);
    (void)signal(SIGPIPE, SIG_IGN); /* a client that leaves must not end all threads */
    bare.root_fd = open(argv[optind], O_RDONLY | O_DIRECTORY);
    if (bare.root_fd < 0)
        die(argv[optind]);
    if (!inetd)
        bare.listen_fd = listen_somewhere();
    return bare;
}
