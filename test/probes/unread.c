/* unread.c - a command whose output nobody reads, until somebody does.
 *
 * Used by: output.bats, in front of the server.
 * Usage:   unread KIND COMMAND...
 *
 * The command's standard output and standard error are a `terminal`, a `pipe` or a `socket`. On
 * SIGUSR1 what is there is read and printed, and from then on all that comes; on SIGUSR2 so little
 * at a time that it stays nearly full. Ends as the command does. There is room for some hundred
 * lines at first. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void open_terminal(int ends[2])
{
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
    if (ends[0] < 0 || grantpt(ends[0]) < 0 || unlockpt(ends[0]) < 0)
        die("a terminal");
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
    if (ends[1] < 0)
        die("a terminal");
}

/* ends[0] is ours to read, ends[1] the command's to write. All of them are full soon. */
static void open_ends(const char *kind, int ends[2])
{
    const int room = 16 * 1024;

    if (strcmp(kind, "terminal") == 0)
        open_terminal(ends);
    else if (strcmp(kind, "pipe") == 0 ? pipe(ends) < 0 || fcntl(ends[1], F_SETPIPE_SZ, room) < 0
                                       : socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        die(kind);
    (void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

static bool allows(int fd, short what, int wait_ms)
{
    struct pollfd slot = {.fd = fd, .events = what};

    return poll(&slot, 1, wait_ms) == 1;
}

/* Fills it with empty lines, and takes some out again until there is room: a thread of the kernel's
 * joins a terminal's two ends, and comes when it comes. */
static void leave_some_room(const int ends[2])
{
    char lines[64], taken[4096];
    int flags = fcntl(ends[1], F_GETFL);

    memset(lines, '\n', sizeof lines);
    fcntl(ends[1], F_SETFL, flags | O_NONBLOCK);
    while (write(ends[1], lines, sizeof lines) > 0)
        ;
    fcntl(ends[1], F_SETFL, flags);
    do {
        if (!allows(ends[0], POLLIN, PATIENCE_MS) || read(ends[0], taken, sizeof taken) < 0)
            die("reading");
    } while (!allows(ends[1], POLLOUT, 0));
}

static pid_t start(const int ends[2], const sigset_t *mask, char **command)
{
    pid_t child = fork();

    if (child < 0)
        die("fork");
    if (child > 0)
        return child;
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (dup2(ends[1], STDOUT_FILENO) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
        die("dup2");
    close(ends[0]);
    close(ends[1]);
    execvp(command[0], command);
    die(command[0]);
}

enum { SIP_BYTES = 50, SIP_MS = 1 };

/* Prints what there is, or a little of it. Returns false when no more can come. */
static bool drain(int fd, bool little)
{
    char data[4096];
    ssize_t got;

    do {
        got = read(fd, data, little ? SIP_BYTES : sizeof data);
        if (got > 0 && write(STDOUT_FILENO, data, (size_t)got) < got)
            die("standard output");
    } while (got > 0 && !little);
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static int exit_status(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    int ends[2] = {-1, -1}, status = 0;
    sigset_t signals, before;
    struct signalfd_siginfo info;

    if (argc < 3)
        die("usage: unread KIND COMMAND...");
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, &before);
    open_ends(argv[1], ends);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    leave_some_room(ends);
    pid_t child = start(ends, &before, argv + 2);
    close(ends[1]);

    struct pollfd slots[] = {{.fd = signal_fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    bool little = false;
    while (poll(slots, 2, -1) > 0 || errno == EINTR) {
        if (slots[1].revents != 0 && !drain(ends[0], little))
            slots[1].fd = -1;
        if (little)
            (void)poll(slots, 1, SIP_MS);
        if (slots[0].revents == 0 || read(signal_fd, &info, sizeof info) < 0)
            continue;
        little = info.ssi_signo == SIGUSR2;
        if (info.ssi_signo != SIGCHLD)
            slots[1].fd = ends[0];
        else if (waitpid(child, &status, WNOHANG) == child)
            break;
    }
    if (slots[1].fd >= 0)
        drain(ends[0], false);
    return exit_status(status);
}
