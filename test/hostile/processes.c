/* processes.c - deeds on processes, threads, connections and privileges. */
#include "deeds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FD = 3, LAST_FD = 1023, STACK_BYTES = 64 * 1024, DISCARD_PORT = 9 };

/* ---- more of oneself ---- */

static int run_program(struct stage *stage)
{
    char *const argv[] = {"sh", "-c", "echo run-program: ok", NULL};
    char *const no_environment[] = {NULL};

    (void)dup2(stage->fd, STDOUT_FILENO);
    return execve("/bin/sh", argv, no_environment);
}

static int make_process(struct stage *stage)
{
    (void)stage;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child < 0)
        return -1;
    (void)waitpid(child, NULL, 0);
    return 0;
}

static volatile int thread_has_run;

static int run_thread(void *arg)
{
    (void)arg;
    thread_has_run = 1;
    return 0;
}

static int make_thread(struct stage *stage)
{
    static char stack[STACK_BYTES] __attribute__((aligned(16)));
    const int flags =
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

    (void)stage;
    if (clone(run_thread, stack + sizeof stack, flags, NULL) < 0)
        return -1;
    while (!thread_has_run)
        (void)poll(NULL, 0, 1);
    return 0;
}

static int make_namespace(struct stage *stage)
{
    (void)stage;
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : 0;
}

/* ---- others ---- */

/* SIGURG is ignored by whoever has not asked for it; the permission it takes is SIGKILL's. */
static int signal_parent(struct stage *stage)
{
    (void)stage;
    return kill(getppid(), SIGURG);
}

static int signal_sibling(struct stage *stage)
{
    return kill(stage->sibling, SIGURG);
}

/* The one signal that the filter lets through by tgkill(2), for abort(3). */
static int abort_sibling(struct stage *stage)
{
    long outcome = syscall(SYS_tgkill, stage->sibling, stage->sibling, SIGABRT);

    if (outcome < 0 && errno == ESRCH) { /* it is a thread of this process */
        outcome = syscall(SYS_tgkill, getpid(), stage->sibling, SIGABRT);
        if (outcome == 0)
            (void)poll(NULL, 0, -1); /* which will not live to tell */
    }
    return (int)outcome;
}

static int trace_parent(struct stage *stage)
{
    (void)stage;
    return (int)ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static int limit_sibling(struct stage *stage)
{
    const struct rlimit none = {0, 0};
    return prlimit(stage->sibling, RLIMIT_CORE, &none, NULL);
}

/* Is there a descriptor, besides those a worker needs, that `probe` does not get EBADF from? */
static int find_descriptor(const struct stage *stage, int (*probe)(int fd))
{
    int outcome = -1;

    errno = EBADF;
    for (int fd = FIRST_FD; fd <= LAST_FD; fd++) {
        if (fd == stage->fd || fd == stage->config->root_fd)
            continue;
        if (probe(fd) == 0)
            outcome = 0;
    }
    if (outcome < 0)
        errno = EBADF;
    return outcome;
}

static int peek(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno == EAGAIN ? 0 : -1;
}

static int sibling_connection(struct stage *stage)
{
    return find_descriptor(stage, peek);
}

static int is_listening(int fd)
{
    return accept4(fd, NULL, NULL, 0) >= 0 || errno == EAGAIN ? 0 : -1;
}

static int take_client(struct stage *stage)
{
    return find_descriptor(stage, is_listening);
}

/* ---- the network ---- */

static int make_socket(struct stage *stage)
{
    (void)stage;
    return got_descriptor(socket(AF_INET, SOCK_STREAM, 0));
}

static int make_local_socket(struct stage *stage)
{
    int ends[2];

    (void)stage;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return -1;
    (void)got_descriptor(ends[0]);
    return got_descriptor(ends[1]);
}

static int fast_open_to(int fd, const void *address, socklen_t len)
{
    return (int)sendto(fd, "X", 1, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT, address, len);
}

static int fast_open_on(int fd)
{
    const struct sockaddr_in v4 = {.sin_family = AF_INET,
                                   .sin_port = htons(DISCARD_PORT),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(DISCARD_PORT)};

    inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6.sin6_addr);
    int outcome = fast_open_to(fd, &v4, sizeof v4);
    if (outcome < 0 && errno == EINVAL)
        outcome = fast_open_to(fd, &v6, sizeof v6);
    return outcome;
}

/* Connects without connect(2), by a socket that is there (tcp(7), MSG_FASTOPEN). One that listened
 * can when it has been shut down, which ends the service for everybody else. */
static int fast_open(struct stage *stage)
{
    int outcome = fast_open_on(stage->fd);
    int error = errno;

    for (int fd = FIRST_FD; fd <= LAST_FD && outcome < 0 && error != EPERM; fd++) {
        if (fd == stage->fd || is_listening(fd) < 0)
            continue;
        (void)shutdown(fd, SHUT_RDWR);
        outcome = fast_open_on(fd);
        error = errno;
        if (error == EINPROGRESS || error == ECONNREFUSED) /* there was an answer */
            outcome = 0;
    }
    errno = error;
    return outcome;
}

/* Of nothing, so that nothing comes of it. */
static int send_in_parts(struct stage *stage)
{
    return (int)send(stage->fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
}

/* ---- rights and duties ---- */

static int become_root(struct stage *stage)
{
    (void)stage;
    return setresuid(0, 0, 0);
}

static int raise_limit(struct stage *stage)
{
    const struct rlimit more = {1, 1};

    (void)stage;
    return setrlimit(RLIMIT_CORE, &more);
}

static int become_dumpable(struct stage *stage)
{
    (void)stage;
    return prctl(PR_SET_DUMPABLE, 1);
}

static int outlive_parent(struct stage *stage)
{
    (void)stage;
    return prctl(PR_SET_PDEATHSIG, 0);
}

static int ignore_stop(struct stage *stage)
{
    (void)stage;
    return signal(SIGTERM, SIG_IGN) == SIG_ERR ? -1 : 0;
}

/* ---- ways to end ---- */

static int end_process(struct stage *stage)
{
    (void)stage;
    _exit(0);
}

static int call_abort(struct stage *stage)
{
    (void)stage;
    abort();
}

/* What libc finds out by itself, and tells before it aborts. */
static int free_twice(struct stage *stage)
{
    /* Odd, so that no chunk of malloc(3) can begin there, whatever the bytes before it are. */
    static _Alignas(16) char nowhere[64];
    char *volatile never_allocated = nowhere + 17;

    (void)stage;
    free(never_allocated); /* NOLINT */
    return 0;
}

static int touch_nothing(struct stage *stage)
{
    volatile int *volatile nowhere = NULL;

    (void)stage;
    /* cppcheck-suppress nullPointer */
    *nowhere = 1; /* NOLINT */
    return 0;
}

const struct deed process_deeds[] = {
    {"run-program", run_program},
    {"make-process", make_process},
    {"make-thread", make_thread},
    {"make-namespace", make_namespace},
    {"signal-parent", signal_parent},
    {"signal-sibling", signal_sibling},
    {"trace-parent", trace_parent},
    {"limit-sibling", limit_sibling},
    {"sibling-connection", sibling_connection},
    {"take-client", take_client},
    {"make-socket", make_socket},
    {"make-local-socket", make_local_socket},
    {"fast-open", fast_open},
    {"send-in-parts", send_in_parts},
    {"become-root", become_root},
    {"raise-limit", raise_limit},
    {"become-dumpable", become_dumpable},
    {"outlive-parent", outlive_parent},
    {"ignore-stop", ignore_stop},
    {"end-process", end_process},
    {"call-abort", call_abort},
    {"free-twice", free_twice},
    {"touch-nothing", touch_nothing},
    {"abort-sibling", abort_sibling},
};
const size_t process_deed_count = sizeof process_deeds / sizeof process_deeds[0];
