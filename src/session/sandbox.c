/* sandbox.c - what a worker that has been taken over can still do: little.
 *
 * Runs in: the parent once, and in each child for what is left. By raw system calls: the headers
 *          of a distribution may be older than its kernel, so Landlock's are spelled out here. */
#include "session/sandbox.h"

#include "common/io.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- Landlock (landlock(7)) ---- */

enum {
    LANDLOCK_CREATE = 444, /* the same numbers on every architecture */
    LANDLOCK_ADD_RULE = 445,
    LANDLOCK_RESTRICT = 446,
    LANDLOCK_VERSION = 1, /* flag */
    LANDLOCK_BENEATH = 1, /* rule type */
    LANDLOCK_SCOPE_ABI = 6
};

/* Rights on files, and the version of the interface that knows them first. */
enum {
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_ABI_1 = (1 << 13) - 1,
    FS_REFER = 1 << 13,    /* 2: links and renames into another directory; never granted */
    FS_TRUNCATE = 1 << 14, /* 3 */
    FS_IOCTL_DEV = 1 << 15 /* 5 */
};
enum {
    NET_ABI_4 = 3 /* bind and connect of TCP */,
    SCOPE_ABI_6 = 3 /* abstract sockets, signals */
};

struct landlock_attr {
    uint64_t fs, net, scoped;
};
struct landlock_beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

/* A right the kernel does not know makes it refuse the whole ruleset with EINVAL, so each version
 * is asked for exactly what it has. */
static struct landlock_attr everything(int abi)
{
    struct landlock_attr attr = {.fs = FS_ABI_1};
    if (abi >= 2)
        attr.fs |= FS_REFER;
    if (abi >= 3)
        attr.fs |= FS_TRUNCATE;
    if (abi >= 4)
        attr.net = NET_ABI_4;
    if (abi >= 5)
        attr.fs |= FS_IOCTL_DEV;
    if (abi >= LANDLOCK_SCOPE_ABI)
        attr.scoped = SCOPE_ABI_6;
    return attr;
}

/* The attribute's size grew, too; a field the kernel does not know must not be there. */
static int create_ruleset(const struct landlock_attr *attr, int abi)
{
    size_t len = abi < 4   ? sizeof attr->fs
                 : abi < 6 ? sizeof attr->fs + sizeof attr->net
                           : sizeof *attr;
    return (int)syscall(LANDLOCK_CREATE, attr, len, 0);
}

static bool allow_beneath(int ruleset_fd, int dir_fd, uint64_t rights)
{
    const struct landlock_beneath rule = {.allowed = rights, .parent_fd = dir_fd};
    return syscall(LANDLOCK_ADD_RULE, ruleset_fd, LANDLOCK_BENEATH, &rule, 0) == 0;
}

/* A ruleset that leaves nothing but the root; with `ledger`, its directory too. Returns a
 * descriptor, or -1. */
static int create_confinement(const struct sandbox_places *places, int abi, bool ledger)
{
    const struct landlock_attr attr = everything(abi);
    uint64_t rights = FS_READ_FILE | FS_READ_DIR;

    if (!places->read_only)
        rights |= FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE;
    if (!places->read_only && places->make_directories)
        rights |= FS_MAKE_DIR;
    int ruleset_fd = create_ruleset(&attr, abi);
    if (ruleset_fd < 0)
        return -1;
    if (!allow_beneath(ruleset_fd, places->root_fd, rights & attr.fs) ||
        (ledger &&
         !allow_beneath(ruleset_fd, places->ledger_dir_fd, FS_WRITE_FILE | FS_MAKE_REG))) {
        io_close(ruleset_fd);
        return -1;
    }
    return ruleset_fd;
}

/* The parent keeps the ledger's directory, too. A worker must not, and it must not signal the
 * parent or another worker: what is scoped may signal nobody outside of its own domain, so each
 * worker gets a domain of its own. It puts that on after fork, but the ruleset is made here. */
static bool confine_files(struct sandbox *sandbox, const struct sandbox_places *places)
{
    const int abi = sandbox->landlock_abi;
    int parent_fd = create_confinement(places, abi, places->ledger_dir_fd >= 0);

    if (parent_fd < 0)
        return false;
    sandbox->worker_fd = create_confinement(places, abi, false);
    bool done = sandbox->worker_fd >= 0 && syscall(LANDLOCK_RESTRICT, parent_fd, 0) == 0;
    io_close(parent_fd);
    if (!done) {
        io_close(sandbox->worker_fd);
        sandbox->worker_fd = -1;
    }
    return done;
}

/* ---- seccomp (seccomp(2)) ---- */

#if defined(__x86_64__) && defined(__LP64__)
#define FILTERED_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTERED_ARCH AUDIT_ARCH_AARCH64
#elif defined(__i386__)
#define OTHER_ARCH "i386"
#elif defined(__arm__)
#define OTHER_ARCH "arm"
#elif defined(__riscv)
#define OTHER_ARCH "riscv"
#else
#define OTHER_ARCH "neither x86_64 nor aarch64"
#endif

#ifdef FILTERED_ARCH /* others do not even have all of the numbers */
enum { ARG_0 = SANDBOX_ARG(0), ARG_1 = SANDBOX_ARG(1), ARG_2 = SANDBOX_ARG(2) };

/* What the parent's loop and a session take, by reason. Flags that sit behind a pointer, as those
 * of openat2(2), no filter can see; Landlock sees the file they lead to. */
static const struct sandbox_rule common_rules[] = {
    /* the connection */
    {.number = SYS_accept4, .not_standard = ARG_0},
    {.number = SYS_recvfrom, .not_standard = ARG_0},
    /* what send(2) is called with here; MSG_FASTOPEN would be connect(2) by another name */
    {.number = SYS_sendto, .argument = 3, .mask = ~0U, .value = MSG_NOSIGNAL | MSG_DONTWAIT},
    {.number = SYS_shutdown, .not_standard = ARG_0},
    {.number = SYS_ppoll},
#ifdef SYS_poll
    {.number = SYS_poll},
#endif
    {.number = SYS_ioctl,
     .argument = 1,
     .mask = ~0U,
     .value = SIOCOUTQ,
     .or_value = FIONBIO,
     .not_standard = ARG_0},
    {.number = SYS_getsockopt,
     .argument = 2,
     .mask = ~0U,
     .value = TCP_INFO,
     .not_standard = ARG_0},
    /* files; a glibc fstat is newfstatat with an empty path */
    {.number = SYS_openat, .argument = 3, .mask = ~0777U, .value = 0}, /* no set-user-id */
    {.number = SYS_openat2},
    {.number = SYS_newfstatat},
    {.number = SYS_fstat},
    {.number = SYS_read, .not_standard = ARG_0},
    {.number = SYS_write}, /* lines for the log, too */
    {.number = SYS_pwritev2,
     .argument = 5,
     .mask = ~0U,
     .value = RWF_NOWAIT,
     .minus_one = SANDBOX_ARG(3)}, /* lines: sink.c */
    {.number = SYS_pwrite64, .not_standard = ARG_0},
    {.number = SYS_close, .not_standard = ARG_0},
    {.number = SYS_sendfile, .not_standard = ARG_0 | ARG_1},
    {.number = SYS_splice, .not_standard = ARG_0 | ARG_2},
    {.number = SYS_pipe2},
    {.number = SYS_fcntl, .argument = 1, .mask = ~0U, .value = F_SETPIPE_SZ, .not_standard = ARG_0},
    {.number = SYS_fallocate, .not_standard = ARG_0},
    {.number = SYS_ftruncate, .not_standard = ARG_0},
    {.number = SYS_fgetxattr, .not_standard = ARG_0}, /* has the directory a default ACL? */
    {.number = SYS_fsync, .not_standard = ARG_0},
    {.number = SYS_flock, .not_standard = ARG_0},
    {.number = SYS_linkat},
    {.number = SYS_renameat}, /* what renameat2(3) is without flags */
    {.number = SYS_renameat2, .argument = 4, .mask = ~(uint32_t)RENAME_NOREPLACE},
    {.number = SYS_unlinkat, .argument = 2, .mask = ~0U, .value = 0}, /* no directories */
    /* signals, and the way abort(3) goes, so that a crash stays the crash it is */
    {.number = SYS_rt_sigaction},
    {.number = SYS_rt_sigprocmask},
    {.number = SYS_rt_sigreturn},
    {.number = SYS_getpid},
    {.number = SYS_getppid},
    {.number = SYS_gettid},
    {.number = SYS_tgkill, .argument = 2, .mask = ~0U, .value = SIGABRT},
    {.number = SYS_tkill, .argument = 1, .mask = ~0U, .value = SIGABRT}, /* musl */
    /* what libc does by itself; but no brk(2): nobody needs more memory than there is by now */
    {.number = SYS_munmap},
    {.number = SYS_futex},
    {.number = SYS_rseq},
    {.number = SYS_restart_syscall},
    {.number = SYS_clock_gettime},
    {.number = SYS_getrandom},
    /* giving up more */
    {.number = SYS_prlimit64, .argument = 0, .mask = ~0U, .value = 0}, /* only one's own */
    {.number = LANDLOCK_RESTRICT},
    {.number = SYS_exit_group},
    /* no call at all: what a tracer turns a call into that it suppresses (ptrace(2)) */
    {.number = -1},
};

/* What comes before them, where the server was started so: of two rules about one call the first
 * one counts. */
static const struct sandbox_rule http_rules[] = {
    {.number = SYS_getdents64, .not_standard = ARG_0}, /* a listing */
    {.number = SYS_lseek, .not_standard = ARG_0},      /* and again, from its first name on */
    /* as below; the first part of an answer says that there is more */
    {.number = SYS_sendto,
     .argument = 3,
     .mask = ~(uint32_t)MSG_MORE,
     .value = MSG_NOSIGNAL | MSG_DONTWAIT},
};
static const struct sandbox_rule directory_rules[] = {
    {.number = SYS_mkdirat, .argument = 2, .mask = ~0777U, .value = 0}, /* no set-group-id */
};

#define COUNT(rules) (sizeof(rules) / sizeof(rules)[0])

enum { ARGUMENTS = 6, FILTER_MAX = 1024, RULE_LEN_MAX = 12, FRAME_LEN = 5 };

struct filter {
    struct sock_filter code[FILTER_MAX];
    unsigned short len;
};

static void emit(struct filter *filter, uint16_t code, uint32_t k, uint8_t if_true,
                 uint8_t if_false)
{
    filter->code[filter->len++] =
        (struct sock_filter){.code = code, .jt = if_true, .jf = if_false, .k = k};
}

static void emit_load(struct filter *filter, size_t offset)
{
    emit(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static size_t offset_of(unsigned argument)
{
    return offsetof(struct seccomp_data, args) + sizeof(uint64_t) * argument;
}

/* The low half of an argument, the first one on little-endian machines, as both are. Of a
 * descriptor and of these flags the kernel looks at no more, either. */
static void emit_load_argument(struct filter *filter, unsigned argument)
{
    emit_load(filter, offset_of(argument));
}

/* Refuses the call unless what has been loaded compares so with `value`. */
static void emit_check(struct filter *filter, uint16_t comparison, uint32_t value)
{
    emit(filter, BPF_JMP | comparison | BPF_K, value, 1, 0);
    emit(filter, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
}

/* Expects the system call's number in the accumulator, and leaves it there where it is another's.
 */
static void emit_rule(struct filter *filter, const struct sandbox_rule *rule)
{
    const uint32_t verdict = rule->error == 0
                                 ? SECCOMP_RET_ALLOW
                                 : SECCOMP_RET_ERRNO | ((uint32_t)rule->error & SECCOMP_RET_DATA);
    const unsigned short first = filter->len;

    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->number, 0, 0);
    for (unsigned argument = 0; argument < ARGUMENTS; argument++) {
        if ((rule->not_standard & SANDBOX_ARG(argument)) != 0) {
            emit_load_argument(filter, argument);
            emit_check(filter, BPF_JGT, STDERR_FILENO);
        }
        if ((rule->minus_one & SANDBOX_ARG(argument)) != 0) {
            emit_load_argument(filter, argument);
            emit_check(filter, BPF_JEQ, UINT32_MAX);
            emit_load(filter, offset_of(argument) + sizeof(uint32_t));
            emit_check(filter, BPF_JEQ, UINT32_MAX);
        }
    }
    if (rule->mask != 0) {
        emit_load_argument(filter, rule->argument);
        emit(filter, BPF_ALU | BPF_AND | BPF_K, rule->mask, 0, 0);
        if (rule->or_value != 0) /* past the check of the other one */
            emit(filter, BPF_JMP | BPF_JEQ | BPF_K, rule->or_value, 2, 0);
        emit_check(filter, BPF_JEQ, rule->value);
    }
    emit(filter, BPF_RET | BPF_K, verdict, 0, 0);
    filter->code[first].jf = (uint8_t)(filter->len - first - 1);
}

static void emit_rules(struct filter *filter, const struct sandbox_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        emit_rule(filter, &rules[i]);
}

static bool filter_calls(const struct sandbox_places *places, const struct sandbox_rule *rules,
                         size_t rule_count)
{
    const size_t rules_at_most =
        COUNT(common_rules) + COUNT(http_rules) + COUNT(directory_rules) + rule_count;
    struct filter filter = {.len = 0};

    if (rules_at_most * RULE_LEN_MAX + FRAME_LEN > FILTER_MAX) {
        errno = E2BIG;
        return false;
    }
    /* The numbers mean something else on another architecture, so that comes first. */
    emit_load(&filter, offsetof(struct seccomp_data, arch));
    emit(&filter, BPF_JMP | BPF_JEQ | BPF_K, FILTERED_ARCH, 1, 0);
    emit(&filter, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    emit_load(&filter, offsetof(struct seccomp_data, nr));
    if (places->http)
        emit_rules(&filter, http_rules, COUNT(http_rules));
    if (places->make_directories && !places->read_only)
        emit_rules(&filter, directory_rules, COUNT(directory_rules));
    emit_rules(&filter, common_rules, COUNT(common_rules));
    emit_rules(&filter, rules, rule_count);
    emit(&filter, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);

    const struct sock_fprog program = {.len = filter.len, .filter = filter.code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}
#else
static bool filter_calls(const struct sandbox_places *places, const struct sandbox_rule *rules,
                         size_t rule_count)
{
    (void)places;
    (void)rules;
    (void)rule_count;
    errno = ENOSYS;
    return false;
}
#endif

/* ---- all of it ---- */

/* A limit is lowered and never raised: whoever started us may have set a lower one, and only root
 * could raise that. (getrlimit(3) and setrlimit(3) do not have the same types everywhere.) */
static bool lower_limit(int resource, uint64_t value)
{
    struct {
        uint64_t soft, hard;
    } limit;

    if (value == 0) /* nothing is lower */
        limit.soft = limit.hard = 0;
    else if (syscall(SYS_prlimit64, 0, resource, NULL, &limit) < 0)
        return false;
    if (limit.hard > value)
        limit.hard = value;
    if (limit.soft > limit.hard)
        limit.soft = limit.hard;
    return syscall(SYS_prlimit64, 0, resource, &limit, NULL) == 0;
}

/* Notes why `layer` is not in force, from errno, unless another one has been noted. Returns false.
 */
static bool lacks(struct sandbox *sandbox, const char *layer)
{
    bool unknown = errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL;

    if (sandbox->lack[0] != '\0')
        return false;
    sandbox->crowded = errno == E2BIG;
    (void)snprintf(sandbox->lack, sizeof sandbox->lack, "%s%s%s%s",
                   unknown            ? "this kernel has no "
                   : sandbox->crowded ? "no room for another layer of "
                                      : "",
                   layer, unknown || sandbox->crowded ? "" : ": ",
                   unknown || sandbox->crowded ? "" : strerror(errno));
    return false;
}

/* The order matters: a filter or a ruleset may only be put on with no_new_privs, and the filter
 * comes last, because it refuses what puts on the others. */
int sandbox_confine_server(struct sandbox *sandbox, const struct sandbox_places *places,
                           const struct sandbox_rule *rules, size_t rule_count)
{
    if (sandbox->mode == SANDBOX_OFF)
        return 0;
#ifdef OTHER_ARCH
    (void)snprintf(sandbox->lack, sizeof sandbox->lack, "%s",
                   "there is no filter of system calls for this architecture (" OTHER_ARCH ")");
#endif
    sandbox->no_new_privs =
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || lacks(sandbox, "no_new_privs");
    sandbox->not_dumpable =
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 || lacks(sandbox, "not dumpable");
    sandbox->rlimits = lower_limit(RLIMIT_CORE, 0) || lacks(sandbox, "rlimits");
    sandbox->limit_processes = sandbox->rlimits;
    /* A limit on files is one on the log, too: past it, the workers' lines would be lost. */
    sandbox->limit_size = sandbox->max_size < INT64_MAX && !log_is_in_a_file();
    sandbox->landlock_abi = (int)syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
    sandbox->landlock =
        (sandbox->landlock_abi > 0 && confine_files(sandbox, places)) || lacks(sandbox, "landlock");
    if (sandbox->landlock_abi < LANDLOCK_SCOPE_ABI) {
        errno = ENOSYS;
        (void)lacks(sandbox, "landlock scopes (Linux 6.12)");
    }
    sandbox->seccomp = filter_calls(places, rules, rule_count) || lacks(sandbox, "seccomp");
    return sandbox->mode == SANDBOX_REQUIRE && sandbox->lack[0] != '\0' ? -1 : 0;
}

enum sandbox_part sandbox_confine_worker(const struct sandbox *sandbox)
{
    if (sandbox->mode == SANDBOX_OFF)
        return SANDBOX_WHOLE;
    if (sandbox->worker_fd >= 0 && syscall(LANDLOCK_RESTRICT, sandbox->worker_fd, 0) < 0)
        return errno == E2BIG ? SANDBOX_DOMAIN_ROOM : SANDBOX_DOMAIN;
    /* For root it means nothing (setrlimit(2), RLIMIT_NPROC), and does no harm. */
    if (sandbox->limit_processes && !lower_limit(RLIMIT_NPROC, 0))
        return SANDBOX_PROCESSES;
    if (sandbox->limit_size && !lower_limit(RLIMIT_FSIZE, sandbox->max_size))
        return SANDBOX_FILE_SIZE;
    return SANDBOX_WHOLE;
}

const char *sandbox_leave_out(struct sandbox *sandbox, int part)
{
    switch (part) {
    case SANDBOX_DOMAIN:
    case SANDBOX_DOMAIN_ROOM:
        io_close(sandbox->worker_fd);
        sandbox->worker_fd = -1;
        return part == SANDBOX_DOMAIN
                   ? "Landlock domain of its own"
                   : "Landlock domain of its own (no room for another layer of landlock)";
    case SANDBOX_PROCESSES:
        sandbox->limit_processes = false;
        return "limit on processes";
    case SANDBOX_FILE_SIZE:
        sandbox->limit_size = false;
        return "limit on the size of files";
    default:
        return NULL;
    }
}

const char *sandbox_describe(const struct sandbox *sandbox, char *text, size_t len)
{
    char landlock[64] = "";

    if (sandbox->landlock)
        (void)snprintf(
            landlock, sizeof landlock, " landlock(%d)%s", sandbox->landlock_abi,
            sandbox->landlock_abi >= LANDLOCK_SCOPE_ABI && sandbox->worker_fd >= 0 ? " scope" : "");
    (void)snprintf(text, len, "sandbox:%s%s%s%s%s%s", sandbox->no_new_privs ? " no_new_privs" : "",
                   sandbox->not_dumpable ? " not-dumpable" : "", sandbox->rlimits ? " rlimits" : "",
                   landlock, sandbox->seccomp ? " seccomp" : "",
                   sandbox->mode == SANDBOX_OFF ? " off" : "");
    return text;
}
