/* pages.c - a machine with pages of 64 KiB, as aarch64 has them, to what asks for memory.
 *
 * Linked into build/test/ferryd-pages in the way of sysconf(3), mmap(2) and munmap(2) (ld(1),
 * --wrap), which behave as they do there: a mapping starts at a page, and whole pages are unmapped.
 *
 * Used by:     pages.bats.
 * Environment: FAIL_UNMAP=N  the Nth munmap(2) of the server and its children together, and every
 *                            later one, fails with ENOMEM */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE_BYTES = 64 * 1024 };

/* ld(1) chooses the names. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
long __real_sysconf(int name);
int __real_munmap(void *addr, size_t len);
long __wrap_sysconf(int name);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
    __attribute__((alias("__wrap_mmap")));
int __wrap_munmap(void *addr, size_t len);

/* Which of the two names libc has for it depends on the width of off_t. */
static void *real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset); /* NOLINT */
}

static size_t whole_pages(size_t len)
{
    return (len + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

long __wrap_sysconf(int name)
{
    return name == _SC_PAGESIZE ? PAGE_BYTES : __real_sysconf(name);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    const size_t room = whole_pages(len) + PAGE_BYTES;

    if (addr != NULL)
        return real_mmap(addr, len, prot, flags, fd, offset);
    unsigned char *place = real_mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return MAP_FAILED;
    unsigned char *start = place + (whole_pages((uintptr_t)place) - (uintptr_t)place);
    return real_mmap(start, len, prot, flags | MAP_FIXED, fd, offset);
}

static unsigned *unmapped; /* how often: shared with the children */

__attribute__((constructor)) static void begin_to_count(void)
{
    void *shared = real_mmap(NULL, sizeof *unmapped, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unmapped = shared == MAP_FAILED ? NULL : shared;
}

static int must_fail(void)
{
    const char *from = getenv("FAIL_UNMAP");
    return from != NULL && unmapped != NULL &&
           __atomic_add_fetch(unmapped, 1, __ATOMIC_RELAXED) >= strtoul(from, NULL, 10);
}

int __wrap_munmap(void *addr, size_t len)
{
    if ((uintptr_t)addr % PAGE_BYTES != 0) {
        errno = EINVAL;
        return -1;
    }
    if (must_fail()) {
        errno = ENOMEM;
        return -1;
    }
    return __real_munmap(addr, whole_pages(len));
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
