/* del.c - ferry HOST PORT DEL FILE.
 *
 * Runs in: the client, or one of its jobs. */
#include "client/commands.h"
#include "client/link.h"

int command_del(const struct client_options *options, const char *name)
{
    struct link link;

    if (link_open(&link, options, name) < 0)
        return -1;
    command_say_file(options, "deleting", name);
    int outcome = link_request(&link, name);
    if (outcome == 0)
        outcome = link_expect(&link, PROTO_DONE, PROTO_DONE);
    link_close(&link);
    if (outcome == 0)
        command_say_complete(options, name);
    return outcome;
}
