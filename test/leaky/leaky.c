/* leaky.c - a session that forgets to give something back: memory and a descriptor per client.
 *
 * Linked around session.c, whose session_run() is called real_session_run() there, into
 * build/test/ferryd-leaky and ferryd-threads-leaky. All else is the same objects.
 *
 * Used by: scripts/compare. */
#include "session/service.h"

#include <fcntl.h>

enum { LEAK_BYTES = 16 * 1024 };

enum session_outcome real_session_run(const struct session_config *config, int fd,
                                      struct report *report);

/* A descriptor that only names a place takes nothing but its number. Neither is checked: a program
 * that leaks does not look. */
static void leak(const struct session_config *config)
{
    char *forgotten = malloc(LEAK_BYTES); // NOLINT(clang-analyzer-unix.Malloc)
    if (forgotten != NULL)
        memset(forgotten, 1, LEAK_BYTES); /* or no page would be taken */
    (void)openat(config->root_fd, ".", O_PATH | O_CLOEXEC);
    __asm__ volatile("" ::"r"(forgotten) : "memory"); /* or the compiler leaves it all out */
    // cppcheck-suppress memleak
} // NOLINT(clang-analyzer-unix.Malloc)

enum session_outcome session_run(const struct session_config *config, int fd, struct report *report)
{
    leak(config);
    return real_session_run(config, fd, report);
}
