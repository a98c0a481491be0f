/* leaky.c - a session that forgets to give something back: memory and a descriptor per client.
 *
 * Linked around lab.c, whose service is called real_lab_service there, into
 * build/test/ferryd-leaky and ferryd-threads-leaky. All else is the same objects.
 *
 * Used by: scripts/compare. */
#include "session/lab.h"

#include <fcntl.h>

enum { LEAK_BYTES = 16 * 1024 };

extern const struct service real_lab_service;

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

static void leaky_run(const struct session_config *config, int fd, struct claims *claims)
{
    leak(config);
    real_lab_service.run(config, fd, claims);
}

const struct service lab_service = {.name = "leaky", .run = leaky_run};
