/* memory.h - memory that the parent keeps to itself. */
#ifndef FERRY_MEMORY_H
#define FERRY_MEMORY_H

#include <stddef.h>

/* Whole pages for `bytes` bytes, all zero, which take memory only when they are used. A child does
 * not inherit them: a worker has no business with who else is there (madvise(2), MADV_DONTFORK).
 * Returns NULL with errno where there is no such memory. memory_free() frees it; NULL is nothing.
 */
void *memory_private(size_t bytes);
void memory_free(void *memory, size_t bytes);

#endif
