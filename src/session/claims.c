/* claims.c - the pages on which workers tell of their clients.
 *
 * Runs in: the parent; all but claims_open() and claims_close() in the child, too. */
#include "session/claims.h"

#include "common/io.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a worker keeps and what it lets go of are whole pages, of whatever size this machine has
 * them (munmap(2)): 4 KiB on x86_64, up to 64 KiB on aarch64. */
static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

int claims_open(struct claims_pages *pages, size_t slots)
{
    size_t distance = whole_pages(sizeof(struct claims));
    void *base =
        mmap(NULL, slots * distance, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *pages = (struct claims_pages){.base = NULL};
    if (base == MAP_FAILED)
        return -1;
    *pages = (struct claims_pages){.base = base, .distance = distance, .bytes = slots * distance};
    return 0;
}

void claims_close(struct claims_pages *pages)
{
    if (pages->base != NULL)
        munmap(pages->base, pages->bytes);
    *pages = (struct claims_pages){.base = NULL};
}

struct claims *claims_of(const struct claims_pages *pages, size_t slot)
{
    return (struct claims *)(void *)(pages->base + slot * pages->distance);
}

void claims_clear(const struct claims_pages *pages, size_t slot)
{
    memset(claims_of(pages, slot), 0, sizeof(struct claims));
}

enum outcome claims_end(struct claims *claims, enum outcome outcome, int reason)
{
    claims->reason = (uint32_t)reason;
    claims->outcome = outcome;
    return outcome;
}

enum outcome claims_break_off(struct claims *claims)
{
    switch (errno) {
    case ETIMEDOUT:
        return claims_end(claims, OUTCOME_TIMEOUT, 0);
    case ETIME:
        return claims_end(claims, OUTCOME_TOO_SLOW, 0);
    case ENODATA:
        return claims_end(claims, OUTCOME_CLIENT_GONE, 0);
    case EPROTO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return claims_end(claims, OUTCOME_BROKEN, errno);
    default:
        return claims_end(claims, OUTCOME_CLIENT_GONE, errno);
    }
}

void claims_moved(void *arg, uint64_t moved)
{
    struct claims *claims = arg;

    claims->last_ns = io_now_ns();
    if (claims->first_ns == 0)
        claims->first_ns = claims->last_ns;
    claims->moved = moved;
}

/* A mapping of no length cannot be undone (munmap(2), EINVAL). */
static int let_go(unsigned char *from, const unsigned char *to)
{
    return from == to ? 0 : munmap(from, (size_t)(to - from));
}

int claims_keep_only(const struct claims_pages *pages, size_t slot)
{
    unsigned char *mine = (unsigned char *)claims_of(pages, slot);

    /* Each fails where it would make a mapping too many (munmap(2), ENOMEM). */
    if (let_go(pages->base, mine) < 0)
        return -1;
    return let_go(mine + pages->distance, pages->base + pages->bytes);
}
