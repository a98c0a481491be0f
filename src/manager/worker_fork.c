/* worker_fork.c - a worker is a child process.
 *
 * Runs in: the parent, and in the child until it calls its service. By raw system calls where musl
 * has no function for one. */
#include "manager/worker.h"

#include "common/io.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
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
const bool worker_has_own_memory = true;

/* What glibc's fork(3) asks for besides; the child's thread number is stored, nothing more. */
enum { FORK_FLAGS = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID };

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE                                                                        \
    2U /* close_range(2); a header older than its kernel has no name for it */
#endif

const struct sandbox_rule worker_rules[] = {
    /* fork(3) and nothing else: no threads, no namespaces. */
    {.number = SYS_clone,
     .argument = 0,
     .mask = ~(uint32_t)(FORK_FLAGS | CLONE_FILES), /* see "bays" */
     .value = SIGCHLD},
#ifdef SYS_fork
    {.number = SYS_fork}, /* musl, where the kernel has it */
#endif
    {.number = SYS_wait4},
    {.number = SYS_kill},
    {.number = SYS_close_range, .not_standard = SANDBOX_ARG(0)},
    {.number = SYS_dup3, .not_standard = SANDBOX_ARG(0) | SANDBOX_ARG(1)},
    {.number = SYS_set_robust_list},
    {.number = SYS_prctl, .argument = 0, .mask = ~0U, .value = PR_SET_PDEATHSIG},
};
const size_t worker_rule_count = sizeof worker_rules / sizeof worker_rules[0];

static const struct session_config *session_config;
static const struct sandbox *sandbox;
static const struct claims_pages *claims;
static sigset_t inherited_mask; /* what the parent was started with, for the children */
static pid_t parent_pid;

/* See "bays", below. */
enum {
    CROWD = 128, /* connections and bays, from which on it is worth it */
    BAYS_MAX = 1024,
    BAYS_PART = 8, /* of all descriptors; the others are for those who wait */
    UNSHARE_ATTEMPTS = 100,
    UNSHARE_PAUSE_MS = 100,
    BAYS_WORTH_FDS = 1024 /* where the parent may have fewer descriptors, there is no long line */
};

enum { BAY_FREE = 0, BAY_RESERVED = -1, BAY_LOST = -2 };

static struct {
    int first;           /* the number of bay 0; above all that a child needs */
    size_t count, taken; /* there is none where the kernel cannot do it */
    pid_t *tenants;      /* a child, or BAY_*; no child inherits it */
} bays;

int worker_init(const struct session_config *config, const struct sandbox *confinement,
                const struct claims_pages *pages, const sigset_t *inherited)
{
    sigset_t child_ended;

    session_config = config;
    sandbox = confinement;
    claims = pages;
    inherited_mask = *inherited;
    parent_pid = getpid();
    bays.tenants = memory_private(BAYS_MAX * sizeof *bays.tenants);
    if (bays.tenants == NULL)
        return -1;
    /* A parent that was started with SIGCHLD ignored would find its children reaped behind its
     * back (waitpid(2), NOTES), and its set of running ones would never shrink. */
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        return -1;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &child_ended, NULL) < 0)
        return -1;
    /* Whatever we were started with, SIGTERM ends a worker: that is how it is told to end. Ctrl-C
     * reaches the whole foreground group, and `pkill -HUP ferryd` every process of that name, but
     * the parent decides what they mean. */
    sigdelset(&inherited_mask, SIGTERM);
    sigaddset(&inherited_mask, SIGINT);
    sigaddset(&inherited_mask, SIGHUP);
    if (signal(SIGTERM, SIG_DFL) == SIG_ERR)
        return -1;
    return signalfd(-1, &child_ended, SFD_NONBLOCK | SFD_CLOEXEC);
}

void worker_wake_clear(int wake_fd)
{
    struct signalfd_siginfo info;
    /* One SIGCHLD may stand for many children, so what it says is of no interest; and there is one
     * at most, since standard signals do not queue (signal(7)). */
    (void)!read(wake_fd, &info, sizeof info);
}

/* More than the parent ever opens for itself. Each of those took the lowest number that was free,
 * so none lies further above all others. */
enum { OWN_FDS_MAX = 16 };

/* Not qsort(3): a child would touch one more part of libc. */
static void sort(int *fds, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int fd = fds[i];
        size_t at = i;
        for (; at > 0 && fds[at - 1] > fd; at--)
            fds[at] = fds[at - 1];
        fds[at] = fd;
    }
}

/* Closes every descriptor above standard error but those. CLOEXEC does nothing without exec: the
 * child was born with the connection of every client that waits, and a client that leaves the
 * queue would not see its connection end while any child lives. */
static void close_inherited(int client_fd, int highest_fd)
{
    int kept[] = {client_fd, session_config->root_fd, session_config->proc_fd};
    unsigned next = STDERR_FILENO + 1, highest = (unsigned)highest_fd + OWN_FDS_MAX;

    sort(kept, sizeof kept / sizeof kept[0]);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (kept[i] < (int)next) /* -1: there is none */
            continue;
        io_close_between(next, (unsigned)kept[i] - 1, highest);
        next = (unsigned)kept[i] + 1;
    }
    io_close_between(next, ~0U, highest);
}

/* ---- bays ----
 *
 * fork(2) copies the table of descriptors, and the child closes what it has no business with: where
 * a thousand clients wait, that costs more than all else. So where many wait, the child is born
 * with the parent's own table, and takes a copy of its first part only (close_range(2),
 * CLOSE_RANGE_UNSHARE). What it needs must have low numbers, then: some are kept free from the
 * start, the bays, and the connection is put into one of these.
 *
 * The child may take its time, and the parent waits for nothing: it leaves the connection in the
 * bay until the child has been reaped. */

/* Keeps errno. */
static void clear_bay(size_t bay)
{
    int saved = errno, fd = bays.first + (int)bay;

    /* The root's descriptor keeps the number. Where it cannot (our limit was lowered meanwhile),
     * the connection must end all the same, and the number is anybody's. */
    bool kept = dup3(session_config->root_fd, fd, O_CLOEXEC) >= 0;
    if (!kept)
        io_close(fd);
    bays.tenants[bay] = kept ? BAY_FREE : BAY_LOST;
    bays.taken--;
    errno = saved;
}

/* Returns the bay that the connection is in now, or -1 where there is no room. */
static int park(int fd)
{
    for (size_t bay = 0; bay < bays.count; bay++) {
        if (bays.tenants[bay] != BAY_FREE)
            continue;
        if (dup3(fd, bays.first + (int)bay, O_CLOEXEC) < 0)
            return -1;
        bays.tenants[bay] = BAY_RESERVED;
        bays.taken++;
        return (int)bay;
    }
    return -1;
}

static void leave_bay_of(pid_t child)
{
    for (size_t bay = 0; bay < bays.count && bays.taken > 0; bay++)
        if (bays.tenants[bay] == child) {
            clear_bay(bay);
            return;
        }
}

static void close_bays(void)
{
    while (bays.count > 0)
        io_close(bays.first + (int)--bays.count);
}

/* Asked of poll(2), which the parent may call in its sandbox as it may not call fcntl(2). */
static bool is_open(int fd)
{
    struct pollfd slot = {.fd = fd};
    return poll(&slot, 1, 0) < 0 || (slot.revents & POLLNVAL) == 0;
}

/* The lowest number, from `first` on, that begins a row of so many free ones; what the parent was
 * started with may lie anywhere. The row may reach `limit`, from which on there are no numbers. */
static int free_numbers(int first, size_t count, long limit)
{
    for (int fd = first; fd - first < (int)count && fd < limit; fd++)
        if (is_open(fd))
            first = fd + 1;
    return first;
}

/* One for each slot, above what a child needs. Nobody is accepted before. Whoever finds no bay free
 * is born with a copy of the whole table. */
static void open_bays(void)
{
    const int needed[] = {session_config->root_fd, session_config->proc_fd, sandbox->worker_fd};
    long open_max = sysconf(_SC_OPEN_MAX);
    size_t slots = claims->bytes / claims->distance, most = (size_t)open_max / BAYS_PART;

    bays.first = STDERR_FILENO + 1;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (needed[i] >= bays.first)
            bays.first = needed[i] + 1;
    if (open_max < BAYS_WORTH_FDS)
        return;
    if (most > slots)
        most = slots;
    if (most > BAYS_MAX)
        most = BAYS_MAX;
    bays.first = free_numbers(bays.first, most, open_max);
    while (bays.count < most &&
           dup3(session_config->root_fd, bays.first + (int)bays.count, O_CLOEXEC) >= 0)
        bays.count++;
}

/* Gives this process a table of descriptors of its own, without those above `last`. Where there is
 * no memory for it, tries again for a while: the client has its place. Returns 0, or -1; then it
 * must not close anything. */
static int unshare_up_to(int last)
{
    for (int attempt = 0;; attempt++) {
        if (syscall(SYS_close_range, (unsigned)last + 1, ~0U, CLOSE_RANGE_UNSHARE) == 0)
            return 0;
        if (errno != ENOMEM || attempt == UNSHARE_ATTEMPTS)
            return -1;
        (void)poll(NULL, 0, UNSHARE_PAUSE_MS);
    }
}

/* ---- a worker's life ---- */

/* What makes a child of the server a worker. The order matters:
 * 1. ask to be ended with the parent, then see whether it had ended before we asked;
 * 2. where the table of descriptors is the parent's own, get one, before any of them is closed;
 * 3. let go of the parent's memory, so that no other client depends on us;
 * 4. give up what only the parent needs, while the descriptors for that are there;
 * 5. let go of its descriptors, too.
 * Returns 0, or what could not be done, as worker_try(); then it must not go on. */
static int become_worker(int client_fd, bool in_bay, size_t slot, int highest_fd)
{
    /* SIGTERM, not SIGKILL: an upload may finish taking its name (staged.c). */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent_pid)
        return WORKER_ORPHANED;
    if (in_bay && unshare_up_to(client_fd) < 0)
        return WORKER_SHARES;
    if (claims_keep_only(claims, slot) < 0)
        return WORKER_SHARES;
    int missing = (int)sandbox_confine_worker(sandbox);
    if (missing == 0)
        close_inherited(client_fd, highest_fd);
    return missing;
}

/* The child's life. Only as a worker it opens up to signals: SIGTERM now ends us, as it should. */
__attribute__((noreturn)) static void run_child(const struct pending *client, int fd, bool in_bay,
                                                int highest_fd)
{
    const size_t slot = client->stay.slot;

    if (become_worker(fd, in_bay, slot, highest_fd) != 0)
        _exit(WORKER_UNCONFINED);
    /* By its number as others here: sigprocmask(3) is in a part of libc that a child needs for
     * nothing else. */
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &inherited_mask, NULL, _NSIG / CHAR_BIT);
    client->service->run(session_config, fd, claims_of(claims, slot));
    _exit(0);
}

/* fork(3) without what it does for programs with threads, which costs a child some pages. Not every
 * libc has it. */
extern pid_t _Fork(void) __attribute__((weak)); /* NOLINT(readability-redundant-declaration) */

static pid_t fork_child(void)
{
    return _Fork != NULL ? _Fork() : fork();
}

/* The same for a child that is to share the table of descriptors, for which no libc has a function
 * (its own clone(2) wants another stack). What a libc knows of itself is the parent's then: nothing
 * here asks for it (raise(3) would). */
static pid_t fork_sharing(void)
{
#ifdef __s390__ /* where the first two arguments are the other way round */
    return (pid_t)syscall(SYS_clone, 0, CLONE_FILES | SIGCHLD, 0, 0, 0);
#else
    return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
#endif
}

worker_id worker_start(struct pending *client, size_t waiting, int highest_fd)
{
    claims_clear(claims, client->stay.slot);
    int bay = waiting + bays.count < CROWD ? -1 : park(client->fd);
    bool in_bay = bay >= 0;
    pid_t child = in_bay ? fork_sharing() : fork_child();

    if (child == 0)
        run_child(client, in_bay ? bays.first + bay : client->fd, in_bay, highest_fd);
    if (child < 0 && in_bay)
        clear_bay((size_t)bay);
    if (child < 0)
        return -1;
    if (in_bay)
        bays.tenants[bay] = child;
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

/* With `fd` -1, or that of a bay. */
static int try_child(struct worker_end *end, int fd, int highest_fd)
{
    int status;
    pid_t child = fd < 0 ? fork_child() : fork_sharing();

    if (child == 0) {
        int missing = become_worker(fd, fd >= 0, 0, highest_fd);
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

/* Without bays all goes well, too. */
static void try_bays(int highest_fd)
{
    struct worker_end end;

    open_bays();
    if (bays.count == 0 || try_child(&end, bays.first, highest_fd) < 0 || end.status != 0 ||
        end.signal != 0)
        close_bays();
}

int worker_try(struct worker_end *end, int highest_fd)
{
    if (try_child(end, -1, highest_fd) < 0)
        return -1;
    if (end->status == 0 && end->signal == 0)
        try_bays(highest_fd);
    return 0;
}

bool worker_reap(struct worker_end *end)
{
    int status;
    pid_t child = waitpid(-1, &status, WNOHANG);

    if (child <= 0)
        return false;
    leave_bay_of(child);
    *end = how_it_ended(child, status);
    return true;
}

void worker_stop(worker_id id, bool forcibly)
{
    /* Not reaped yet, so the number cannot have become somebody else's. */
    (void)kill((pid_t)id, forcibly ? SIGKILL : SIGTERM);
}
