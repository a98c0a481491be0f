/* memory.c - memory that the parent keeps to itself.
 *
 * Runs in: the parent, at its start and its end. */
#include "common/memory.h"

#include <errno.h>
#include <sys/mman.h>

void *memory_private(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    if (madvise(memory, bytes, MADV_DONTFORK) == 0)
        return memory;
    int saved = errno;
    memory_free(memory, bytes);
    errno = saved;
    return NULL;
}

void memory_free(void *memory, size_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}
