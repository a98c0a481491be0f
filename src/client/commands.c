/* commands.c - what GET, PUT and DEL have in common.
 *
 * Runs in: the client, or one of its jobs. */
#include "client/commands.h"

#include "client/say.h"

#include <inttypes.h>
#include <unistd.h>

static int report_fd(const struct client_options *options)
{
    return client_options_to_stdout(options) ? STDERR_FILENO : STDOUT_FILENO;
}

void command_say_file(const struct client_options *options, const char *verb, const char *name)
{
    if (!options->silent)
        say_line(report_fd(options), "client %s file %s", verb, name);
}

void command_say_sized_file(const struct client_options *options, const char *verb,
                            const char *name, uint64_t size)
{
    if (!options->silent)
        say_line(report_fd(options), "client %s file %s (%" PRIu64 " bytes)", verb, name, size);
}

void command_say_complete(const struct client_options *options, const char *name)
{
    if (options->silent)
        return;
    if (options->at_once)
        say_line(report_fd(options), "Complete %s", name);
    else
        say_line(report_fd(options), "Complete");
}
