/* promises.c - what README.md's promises cost: the calls that they need, and nothing else.
 *
 * Runs in: bare_fork -p; the parent, and its children.
 *
 * What is between the bare loop and this is the price of the promises; what is between this and
 * ferryd is the price of our code. So each call that the bare loop does not make has beside it what
 * it is for: (n) is the number of the promise in README.md's list, P9 rule 9 of docs/protocol.md.
 * A call for which there is no reason must go; one that ferryd can do without, too.
 *
 * Not here, because no promise needs it: a second accept(2) that finds nobody, a second wait4(2)
 * after the last child, asking for a limit before it is lowered, ignoring what is blocked anyway,
 * a poll(2) before a word that nearly always has room, locks on a file that is only read. Nor are
 * the checks of arguments in the filter of system calls: it is a list of numbers, which the kernel
 * looks up in a table. */
#include "promises.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TURN_MS = 10000, /* for each of a client's turns */
    TICK_MS = 1000,  /* (5) whatever signal is lost */
    REQUEST_BYTES = 1025,
    BLOCK_BYTES = 64 * 1024,
    PAGE_BYTES = 4096
};

/* What is the parent's, and its children have a copy of. */
struct parent {
    const struct bare *bare;
    int stop_fd, child_fd; /* signalfd(2) */
    int ruleset_fd;        /* Landlock's, for the children */
    unsigned char *claims; /* a page for each client that may run, shared with its child */
    pid_t *slots;          /* who is served there, or 0 */
    pid_t pid;
};

__attribute__((noreturn)) static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* ---- the session: as in bare.c, with these differences ---- */

/* (8) Every hold is bounded: what waits takes no longer than the socket lets it; see bound_waits().
 */
static ssize_t hear(int fd, void *data, size_t len)
{
    return recv(fd, data, len, 0);
}

/* (8) The same for what is said; MSG_NOSIGNAL because a client that has left is no failure. */
static bool say(int fd, const void *data, size_t len)
{
    struct pollfd slot = {.fd = fd, .events = POLLOUT};

    while (send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        if (errno != EAGAIN || poll(&slot, 1, TURN_MS) <= 0)
            return false;
    return true;
}

/* (7) Nothing outside of the root: the kernel itself refuses every step that would leave it. */
static int open_beneath(const struct bare *bare, const char *name, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, bare->root_fd, name, &how, sizeof how);
}

static bool send_content(int fd, int file_fd, off_t size)
{
    for (off_t at = 0; at < size;)
        if (sendfile(fd, file_fd, &at, (size_t)(size - at)) <= 0)
            return false;
    return true;
}

static void send_file(int fd, int file_fd)
{
    char answer[8];
    struct stat st;

    if (fstat(file_fd, &st) < 0 || !S_ISREG(st.st_mode) || !say(fd, "OK", 2) ||
        hear(fd, answer, sizeof answer) <= 0)
        return;
    uint64_t wire = htobe64((uint64_t)st.st_size);
    if (say(fd, &wire, sizeof wire) && hear(fd, answer, sizeof answer) > 0 &&
        send_content(fd, file_fd, st.st_size))
        (void)say(fd, "DONE", 4);
}

static bool receive_content(int fd, int file_fd, uint64_t size)
{
    char block[BLOCK_BYTES];

    while (size > 0) {
        ssize_t got = hear(fd, block, size < sizeof block ? (size_t)size : sizeof block);
        if (got <= 0 || write(file_fd, block, (size_t)got) != got)
            return false;
        size -= (uint64_t)got;
    }
    return true;
}

/* (1) durable: the file, its name, the folder, in that order. (2) Nobody sees a part: there is no
 * name until the content is whole, also where nothing is flushed. */
static bool commit(const struct bare *bare, int dir_fd, int file_fd, const char *name)
{
    return (!bare->durable || fsync(file_fd) == 0) && bare_link(file_fd, dir_fd, name) == 0 &&
           (!bare->durable || fsync(dir_fd) == 0);
}

static void receive_file(const struct bare *bare, int fd, const char *name)
{
    uint64_t wire = 0;
    /* Is there something that may not be replaced? (Only an O_PATH look at it is harmless.) */
    int dir_fd = -1, file_fd = open_beneath(bare, name, O_PATH);

    if (file_fd >= 0)
        goto out;
    dir_fd = open_beneath(bare, ".", O_RDONLY | O_DIRECTORY); /* (7), and a name may have slashes */
    if (dir_fd < 0)
        return;
    file_fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644); /* (2) */
    if (file_fd < 0 || !say(fd, "OK", 2) || hear(fd, &wire, sizeof wire) != sizeof wire)
        goto out;
    wire = be64toh(wire);
    /* What cannot be stored is refused before it is sent (docs/protocol.md, PUT's second answer).
     */
    if ((wire > 0 && fallocate(file_fd, 0, 0, (off_t)wire) < 0) || !say(fd, "OK", 2))
        goto out;
    if (receive_content(fd, file_fd, wire) && commit(bare, dir_fd, file_fd, name))
        (void)say(fd, "DONE", 4);
out:
    close(file_fd);
    if (dir_fd >= 0)
        close(dir_fd);
}

static void converse(const struct bare *bare, int fd)
{
    char request[REQUEST_BYTES];

    if (!say(fd, "READY", 5))
        return;
    ssize_t len = hear(fd, request, sizeof request - 1);
    if (len < 5)
        return;
    request[request[len - 1] == '\n' ? len - 1 : len] = '\0';
    const char *name = request + 4;
    if (request[0] == 'P') {
        receive_file(bare, fd, name);
        return;
    }
    /* (8) Without O_NONBLOCK a FIFO would hold us. */
    int file_fd = open_beneath(bare, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (file_fd >= 0)
        send_file(fd, file_fd);
}

/* P9: the last word arrives: a socket that is closed with unread bytes in it sends a reset. */
static void finish(int fd)
{
    char discarded[REQUEST_BYTES];

    if (shutdown(fd, SHUT_WR) < 0)
        return;
    while (hear(fd, discarded, sizeof discarded) > 0)
        ;
}

/* ---- the child ---- */

static void let_go(unsigned char *from, const unsigned char *to)
{
    if (to > from)
        (void)munmap(from, (size_t)(to - from));
}

__attribute__((noreturn)) static void run_child(const struct parent *parent, int fd, unsigned slot)
{
    const struct rlimit none = {0, 0};
    unsigned char *mine = parent->claims + (size_t)slot * PAGE_BYTES;
    const unsigned char *end = parent->claims + (size_t)parent->bare->cap * PAGE_BYTES;
    sigset_t open;

    /* No worker outlives the server: ask to be ended with it, and see whether it is there still. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent->pid)
        _exit(1);
    /* (6) A worker can harm its own client only: it sees no other's page, */
    let_go(parent->claims, mine);
    let_go(mine + PAGE_BYTES, end);
    /* (7) may reach nothing but the root, signal nobody outside of its own domain, */
    (void)syscall(SYS_landlock_restrict_self, parent->ruleset_fd, 0);
    /* (6) starts no process, */
    (void)setrlimit(RLIMIT_NPROC, &none);
    /* (4, 8) and holds nobody's connection but its own: all that lies between the root and it is
     * the parent's. */
    (void)syscall(SYS_close_range, parent->bare->root_fd + 1, fd - 1, 0);
    /* SIGTERM ends a worker; everything else stays blocked. */
    sigfillset(&open);
    sigdelset(&open, SIGTERM);
    (void)sigprocmask(SIG_SETMASK, &open, NULL);
    mine[0] = 1; /* the ledger's claims: the page is there to be written */
    converse(parent->bare, fd);
    finish(fd);
    _exit(0);
}

/* ---- the parent ---- */

/* (4) Somebody who has left is not served, and does not cost a worker. */
static bool has_left(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void start(const struct parent *parent, unsigned slot)
{
    pid_t *slots = parent->slots;
    int fd = accept4(parent->bare->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (!has_left(fd)) {
        slots[slot] = fork();
        if (slots[slot] == 0)
            run_child(parent, fd, slot);
    }
    close(fd);
}

/* (3) The cap counts who has ended and is not yet reaped. */
static void reap(pid_t *slots, unsigned cap, unsigned *running)
{
    for (pid_t child; *running > 0 && (child = waitpid(-1, NULL, WNOHANG)) > 0; (*running)--)
        for (unsigned i = 0; i < cap; i++)
            if (slots[i] == child)
                slots[i] = 0;
}

static unsigned free_slot(const pid_t *slots)
{
    unsigned slot = 0;
    while (slots[slot] > 0)
        slot++;
    return slot;
}

/* (9) Who has no place waits: the listener is in the poll set only while there is one. The bare
 * server's line is the kernel's backlog; it knows no order but that of its arrival (4), either. */
__attribute__((noreturn)) static void serve(const struct parent *parent)
{
    const unsigned cap = parent->bare->cap;
    pid_t *slots = parent->slots;
    struct signalfd_siginfo info;

    for (unsigned running = 0;;) {
        struct pollfd set[] = {
            {.fd = parent->stop_fd, .events = POLLIN},
            {.fd = parent->child_fd, .events = POLLIN},
            {.fd = running < cap ? parent->bare->listen_fd : -1, .events = POLLIN}};
        if (poll(set, sizeof set / sizeof set[0], TICK_MS) < 0)
            continue;
        if (set[0].revents != 0)
            exit(EXIT_SUCCESS);
        if (set[1].revents != 0) { /* (5) a slot is refilled at once */
            (void)!read(parent->child_fd, &info, sizeof info);
            reap(slots, cap, &running);
        }
        if (set[2].revents != 0 && running < cap) {
            unsigned slot = free_slot(slots);
            start(parent, slot);
            running += slots[slot] > 0;
        }
    }
}

/* ---- its start ---- */

/* (8) Accepted sockets inherit it. */
static int bound_waits(int fd)
{
    const struct timeval most = {.tv_sec = TURN_MS / 1000};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) < 0)
        return -1;
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

static int open_signals(int signal_a, int signal_b)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_a);
    sigaddset(&set, signal_b);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        die("sigprocmask");
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Every right on files that the first version of Landlock knows, and of these what a session needs:
 * to read, write, list, make and remove files. Scopes, where the kernel has them (Linux 6.12). */
static int make_ruleset(const struct bare *bare)
{
    enum { ALL = (1 << 13) - 1, NEEDED = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 8 };
    const uint64_t attr[] = {ALL, 0, 3}; /* files, network, scopes */
    struct {
        uint64_t allowed;
        int32_t parent_fd;
    } __attribute__((packed)) beneath = {NEEDED, bare->root_fd};

    int fd = (int)syscall(SYS_landlock_create_ruleset, attr, sizeof attr, 0);
    if (fd < 0)
        fd = (int)syscall(SYS_landlock_create_ruleset, attr, sizeof attr[0], 0);
    if (fd < 0 || syscall(SYS_landlock_add_rule, fd, 1, &beneath, 0) < 0)
        die("landlock");
    return fd;
}

/* (6, 7) The system calls that are made here, and no others. */
static const int allowed[] = {
    SYS_accept4,      SYS_recvfrom,       SYS_sendto,       SYS_shutdown,
    SYS_ppoll,        SYS_openat,         SYS_openat2,      SYS_newfstatat,
    SYS_read,         SYS_write,          SYS_close,        SYS_sendfile,
    SYS_fallocate,    SYS_fsync,          SYS_linkat,       SYS_munmap,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_getppid,
    SYS_clone,        SYS_wait4,          SYS_close_range,  SYS_set_robust_list,
    SYS_prctl,        SYS_prlimit64,      SYS_exit_group,   SYS_landlock_restrict_self,
    SYS_rseq,         SYS_gettid,         SYS_fstat,        SYS_futex,
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_fork
    SYS_fork,
#endif
};
enum { ALLOWED = sizeof allowed / sizeof allowed[0] };

static void filter_calls(void)
{
    struct sock_filter code[ALLOWED + 3];
    unsigned short len = 0;

    code[len++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < ALLOWED; i++)
        code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i],
                                                   (uint8_t)(ALLOWED - i), 0);
    code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = len, .filter = code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        die("seccomp");
}

void promises_run(const struct bare *bare)
{
    struct parent parent = {.bare = bare, .pid = getpid()};
    const struct rlimit none = {0, 0};

    parent.stop_fd = open_signals(SIGTERM, SIGINT);
    parent.child_fd = open_signals(SIGCHLD, SIGCHLD);
    parent.slots = calloc(bare->cap, sizeof *parent.slots);
    parent.claims = mmap(NULL, (size_t)bare->cap * PAGE_BYTES, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (parent.stop_fd < 0 || parent.child_fd < 0 || parent.claims == MAP_FAILED ||
        parent.slots == NULL || fcntl(bare->listen_fd, F_SETFL, O_NONBLOCK) < 0 ||
        bound_waits(bare->listen_fd) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        die("start");
    parent.ruleset_fd = make_ruleset(bare);
    if (syscall(SYS_landlock_restrict_self, parent.ruleset_fd, 0) < 0)
        die("landlock");
    filter_calls();
    serve(&parent);
}
