/* commands.c - what GET, PUT and DEL have in common.
 *
 * Called by: get.c, put.c, del.c.
 * Runs in:   the client, or one of its jobs. */
#include "commands.h"

#include "log.h"

#include <inttypes.h>

void command_say_file(int fd, const char *verb, const char *name)
{
    char text[LOG_TEXT_MAX];
    proto_escape(text, sizeof text, name, strlen(name));
    log_to(fd, "client %s file %s", verb, text);
}

void command_say_sized_file(int fd, const char *verb, const char *name, uint64_t size)
{
    char text[LOG_TEXT_MAX];
    proto_escape(text, sizeof text, name, strlen(name));
    log_to(fd, "client %s file %s (%" PRIu64 " bytes)", verb, text, size);
}

void command_say_complete(int fd)
{
    log_to(fd, "Complete");
}
