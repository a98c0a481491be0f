/* worker_fork.c - a worker is a child process.
 *
 * Runs in: the parent, and in the child until it calls its service. By raw system calls where musl
 * has no function for one. */
#include "manager/worker.h"

#include "common/io.h"

#include <errno.h>
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

/* What glibc's fork(3) asks for besides; the child's thread number is stored, nothing more. */
enum { FORK_FLAGS = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID };

const struct sandbox_rule worker_rules[] = {
    /* fork(3) and nothing else: no threads, no namespaces. */
    {.number = SYS_clone, .argument = 0, .mask = ~(uint32_t)FORK_FLAGS, .value = SIGCHLD},
#ifdef SYS_fork
    {.number = SYS_fork}, /* musl, where the kernel has it */
#endif
    {.number = SYS_wait4},
    {.number = SYS_kill},
    {.number = SYS_close_range, .not_standard = SANDBOX_ARG(0)},
    {.number = SYS_set_robust_list},
    {.number = SYS_prctl, .argument = 0, .mask = ~0U, .value = PR_SET_PDEATHSIG},
};
const size_t worker_rule_count = sizeof worker_rules / sizeof worker_rules[0];

static const struct session_config *session_config;
static const struct sandbox *sandbox;
static const struct claims_pages *claims;
static sigset_t inherited_mask; /* what the parent was started with, for the children */
static pid_t parent_pid;

int worker_init(const struct session_config *config, const struct sandbox *confinement,
                const struct claims_pages *pages, const sigset_t *inherited)
{
    sigset_t child_ended;

    session_config = config;
    sandbox = confinement;
    claims = pages;
    inherited_mask = *inherited;
    parent_pid = getpid();
    /* A parent that was started with SIGCHLD ignored would find its children reaped behind its
     * back (waitpid(2), NOTES), and its set of running ones would never shrink. */
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        return -1;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &child_ended, NULL) < 0)
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

/* More than the parent ever opens for itself. Each of those took the lowest number that was free,
 * so none lies further above all others. */
enum { OWN_FDS_MAX = 16 };

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Closes every descriptor above standard error but those. CLOEXEC does nothing without exec: the
 * child was born with the connection of every client that waits, and a client that leaves the
 * queue would not see its connection end while any child lives. */
static void close_inherited(int client_fd, int highest_fd)
{
    int kept[] = {client_fd, session_config->root_fd, session_config->proc_fd};
    unsigned next = STDERR_FILENO + 1, highest = (unsigned)highest_fd + OWN_FDS_MAX;

    qsort(kept, sizeof kept / sizeof kept[0], sizeof kept[0], by_number);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (kept[i] < (int)next) /* -1: there is none */
            continue;
        io_close_between(next, (unsigned)kept[i] - 1, highest);
        next = (unsigned)kept[i] + 1;
    }
    io_close_between(next, ~0U, highest);
}

/* What makes a child of the server a worker. The order matters:
 * 1. ask to be ended with the parent, then see whether it had ended before we asked;
 * 2. let go of the parent's memory, so that no other client depends on us;
 * 3. give up what only the parent needs, while the descriptors for that are there;
 * 4. let go of its descriptors, too.
 * Returns 0, or what could not be done, as worker_try(); then it must not go on. */
static int become_worker(int client_fd, size_t slot, int highest_fd)
{
    /* SIGTERM, not SIGKILL: an upload may finish taking its name (staged.c). */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent_pid)
        return WORKER_ORPHANED;
    if (claims_keep_only(claims, slot) < 0)
        return WORKER_SHARES;
    int missing = (int)sandbox_confine_worker(sandbox);
    if (missing == 0)
        close_inherited(client_fd, highest_fd);
    return missing;
}

/* The child's life. Ctrl-C reaches the whole foreground group, and `pkill -HUP ferryd` every
 * process of that name, but the parent decides what they mean; only then it opens up to signals:
 * SIGTERM now ends us, as it should. */
__attribute__((noreturn)) static void run_child(const struct pending *client, int highest_fd)
{
    const size_t slot = client->stay.slot;

    if (become_worker(client->fd, slot, highest_fd) != 0)
        _exit(WORKER_UNCONFINED);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigprocmask(SIG_SETMASK, &inherited_mask, NULL);
    client->service->run(session_config, client->fd, claims_of(claims, slot));
    _exit(0);
}

worker_id worker_start(struct pending *client, int highest_fd)
{
    claims_clear(claims, client->stay.slot);
    pid_t child = fork();

    if (child == 0)
        run_child(client, highest_fd);
    if (child < 0)
        return -1;
    io_close(client->fd);
    client->fd = -1;
    return child;
}

static struct worker_end how_it_ended(pid_t child, int status)
{
    return (struct worker_end){
        .id = child,
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
    };
}

int worker_try(struct worker_end *end, int highest_fd)
{
    const int nobody = -1;
    int status;
    pid_t child = fork();

    if (child == 0) {
        int missing = become_worker(nobody, 0, highest_fd);
        if (missing == 0)
            claims_clear(claims, 0); /* it must have kept that page */
        _exit(missing);
    }
    if (child < 0)
        return -1;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    *end = how_it_ended(child, status);
    return 0;
}

bool worker_reap(struct worker_end *end)
{
    int status;
    pid_t child = waitpid(-1, &status, WNOHANG);

    if (child <= 0)
        return false;
    *end = how_it_ended(child, status);
    return true;
}

void worker_stop(worker_id id, bool forcibly)
{
    /* Not reaped yet, so the number cannot have become somebody else's. */
    (void)kill((pid_t)id, forcibly ? SIGKILL : SIGTERM);
}
