/* memory.c - deeds on memory, and by system calls that should not be there. */
#include "deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILL_BYTES = 64 * 1024 * 1024, PAGE_BYTES = 4096, SLOTS_AROUND = 16 };

/* Reads what the process `pid` keeps: it is at the same address there as here, since all of them
 * are copies of one. */
static int read_from(pid_t pid)
{
    char copy[KEPT_MAX];
    struct iovec here = {copy, sizeof copy}, there = {kept, sizeof kept};
    return process_vm_readv(pid, &here, 1, &there, 1, 0) < 0 ? -1 : 0;
}

static int parent_memory(struct stage *stage)
{
    (void)stage;
    return read_from(getppid());
}

static int sibling_memory(struct stage *stage)
{
    return kept[0] != '\0' ? 0 : read_from(stage->sibling);
}

/* Copies from an address where there may be nothing: write(2) says EFAULT, and does not crash. */
static bool peek_at(const void *address, char *copy, size_t len)
{
    int ends[2];
    if (pipe2(ends, 0) < 0)
        return false;
    bool there = write(ends[1], address, len) == (ssize_t)len && read(ends[0], copy, len) > 0;
    (void)got_descriptor(ends[0]);
    (void)got_descriptor(ends[1]);
    return there;
}

/* The page of a sibling's claims: it was mapped beside this one's when they were born. */
static int sibling_claims(struct stage *stage)
{
    const long page = sysconf(_SC_PAGESIZE);
    /* No pointer may lead from it to there, by the language; but an address is an address. */
    const char *name = stage->claims->name;
    char copy[sizeof KEPT_MARK - 1];

    for (long slot = -SLOTS_AROUND; slot <= SLOTS_AROUND; slot++)
        if (peek_at(name + slot * page, copy, sizeof copy) &&
            memcmp(copy, KEPT_MARK, sizeof copy) == 0)
            return 0;
    errno = EFAULT;
    return -1;
}

static int parent_memory_file(struct stage *stage)
{
    char path[64];

    (void)stage;
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
    return got_descriptor(openat(AT_FDCWD, path, O_RDWR));
}

/* To write to one's own code. */
static int own_memory_file(struct stage *stage)
{
    (void)stage;
    return got_descriptor(openat(AT_FDCWD, "/proc/self/mem", O_RDWR));
}

static int fill_memory(struct stage *stage)
{
    (void)stage;
    long end = syscall(SYS_brk, 0);
    if (end > 0 && syscall(SYS_brk, end + FILL_BYTES) == end + FILL_BYTES)
        return 0;
    /* Not by mmap(3): musl's makes another error of this one. */
    return syscall(SYS_mmap, NULL, FILL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0L) == -1
               ? -1
               : 0;
}

/* Memory that can be written to and then executed. */
static int make_code(struct stage *stage)
{
    static char page[2 * PAGE_BYTES];
    const int all = PROT_READ | PROT_WRITE | PROT_EXEC;

    (void)stage;
    if (mmap(NULL, PAGE_BYTES, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return 0;
    void *aligned = page + PAGE_BYTES - (uintptr_t)page % PAGE_BYTES;
    return mprotect(aligned, PAGE_BYTES, all);
}

/* By the gate for 32-bit programs, where numbers mean something else: 20 is getpid there. */
static int old_gate(struct stage *stage)
{
    (void)stage;
#ifdef __x86_64__
    long answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "0"(20L) : "memory");
    return answer == getpid() ? 0 : -1;
#else
    errno = ENOSYS;
    return -1;
#endif
}

/* x32: the same architecture to a filter, but other numbers. */
static int x32_call(struct stage *stage)
{
    const long x32_bit = 0x40000000;

    (void)stage;
    return syscall(SYS_getpid | x32_bit) < 0 ? -1 : 0;
}

/* What a tracer turns a call into that it suppresses. */
static int no_call(struct stage *stage)
{
    (void)stage;
    return (int)syscall(-1);
}

const struct deed memory_deeds[] = {
    {"parent-memory", parent_memory},
    {"sibling-memory", sibling_memory},
    {"sibling-claims", sibling_claims},
    {"parent-memory-file", parent_memory_file},
    {"own-memory-file", own_memory_file},
    {"fill-memory", fill_memory},
    {"make-code", make_code},
    {"old-gate", old_gate},
    {"x32-call", x32_call},
    {"no-call", no_call},
    {"every-call", try_every_call},
};
const size_t memory_deed_count = sizeof memory_deeds / sizeof memory_deeds[0];
