/* worker_fork.c - a worker is a child process.
 *
 * Called by: manager.c, through worker.h; linked into ferryd.
 * Runs in:   the parent, and in the child up to session_run(). */
#include "worker.h"

#include "board.h"
#include "io.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char worker_kind[] = "pid";
const char worker_program[] = "ferryd";
const size_t worker_fds = 0;

enum { FORK_FLAGS = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD };

const struct sandbox_rule worker_rules[] = {
    /* fork(3) and nothing else: no threads, no namespaces. */
    {.number = SYS_clone, .argument = 0, .mask = ~0U, .value = FORK_FLAGS},
    {.number = SYS_wait4},
    {.number = SYS_kill},
    {.number = SYS_close_range},
    {.number = SYS_set_robust_list},
    {.number = SYS_prctl, .argument = 0, .mask = ~0U, .value = PR_SET_PDEATHSIG},
};
const size_t worker_rule_count = sizeof worker_rules / sizeof worker_rules[0];

static const struct session_config *session_config;
static const struct sandbox *sandbox;
static const struct board *board;
static sigset_t inherited_mask; /* what the parent was started with, for the children */
static pid_t parent_pid;

int worker_init(const struct session_config *config, const struct sandbox *confinement,
                const struct board *shared)
{
    sigset_t child_ended;

    session_config = config;
    sandbox = confinement;
    board = shared;
    parent_pid = getpid();
    /* A parent that was started with SIGCHLD ignored would find its children reaped behind its
     * back (waitpid(2), NOTES), and its set of running ones would never shrink. */
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        return -1;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &child_ended, &inherited_mask) < 0)
        return -1;
    /* Whatever we were started with, SIGTERM ends a worker: that is how it is told to end. */
    sigdelset(&inherited_mask, SIGTERM);
    if (signal(SIGTERM, SIG_DFL) == SIG_ERR)
        return -1;
    return signalfd(-1, &child_ended, SFD_NONBLOCK | SFD_CLOEXEC);
}

void worker_wake_clear(int wake_fd)
{
    struct signalfd_siginfo info;
    /* One SIGCHLD may stand for many children, so what it says is of no interest. */
    while (read(wake_fd, &info, sizeof info) > 0)
        ;
}

enum { OLD_KERNEL_FDS = 65536 };

/* Closes the descriptors from `first` to `last`. */
static void close_between(unsigned first, unsigned last)
{
    if (first > last || close_range(first, last, 0) == 0)
        return;
    /* close_range(2) is Linux 5.9. */
    for (unsigned fd = first; fd < OLD_KERNEL_FDS && fd <= last; fd++)
        io_close((int)fd);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Closes every descriptor above standard error but those. CLOEXEC does nothing without exec: the
 * child was born with the connection of every client that waits, and a client that leaves the
 * queue would not see its connection end while any child lives. */
static void close_inherited(int client_fd)
{
    int kept[] = {client_fd, session_config->root_fd, session_config->proc_fd};
    unsigned next = STDERR_FILENO + 1;

    qsort(kept, sizeof kept / sizeof kept[0], sizeof kept[0], by_number);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (kept[i] < (int)next) /* -1: there is none */
            continue;
        close_between(next, (unsigned)kept[i] - 1);
        next = (unsigned)kept[i] + 1;
    }
    close_between(next, ~0U);
}

/* The child's life. The order matters:
 * 1. ask to be ended with the parent, then see whether it had ended before we asked;
 * 2. give up what only the parent needs, while the descriptors for that are there;
 * 3. let go of the parent's memory and descriptors, so that no other client depends on us;
 * 4. Ctrl-C reaches the whole foreground group, and `pkill -HUP ferryd` every process of that
 *    name, but the parent decides what they mean;
 * 5. only then open up to signals: SIGTERM now ends us, as it should. */
__attribute__((noreturn)) static void run_child(int client_fd, size_t slot)
{
    /* SIGTERM, not SIGKILL: an upload may finish taking its name (staged.c). */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent_pid)
        _exit(SESSION_BROKEN);
    board_keep_only(board, slot);
    if (sandbox_confine_worker(sandbox) < 0)
        _exit(WORKER_UNCONFINED);
    close_inherited(client_fd);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigprocmask(SIG_SETMASK, &inherited_mask, NULL);
    _exit((int)session_run(session_config, client_fd, board_report(board, slot)));
}

worker_id worker_start(struct pending *client, size_t slot)
{
    pid_t child = fork();

    if (child == 0)
        run_child(client->fd, slot);
    if (child < 0)
        return -1;
    io_close(client->fd);
    client->fd = -1;
    return child;
}

bool worker_reap(struct worker_end *end)
{
    int status;
    pid_t child = waitpid(-1, &status, WNOHANG);

    if (child <= 0)
        return false;
    *end = (struct worker_end){
        .id = child,
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
    };
    return true;
}

void worker_stop(worker_id id, bool forcibly)
{
    /* Not reaped yet, so the number cannot have become somebody else's. */
    (void)kill((pid_t)id, forcibly ? SIGKILL : SIGTERM);
}
