/* confine.c - what the server gives up when everything is open, before the first client.
 *
 * Runs in: the parent, at start; with --inetd, in the one process that there is. */
#include "server/confine.h"

#include "common/log.h"
#include "server/identity.h"

#include <unistd.h>

int confine_become_user(const char *user, struct session_config *config)
{
    char text[160];

    if (user != NULL &&
        identity_assume(user, config->root_fd, &config->proc_fd, text, sizeof text) < 0) {
        log_error("cannot become user %s: %s", user, text);
        return -1;
    }
    if (config->verbose && geteuid() == 0)
        log_error("running as root; --user NAME would serve as somebody else");
    return 0;
}

int confine_sandbox(struct sandbox *sandbox, const struct session_config *config,
                    const struct confine_rules *rules)
{
    const struct sandbox_places places = {
        .root_fd = config->root_fd,
        .read_only = config->read_only,
        .make_directories = config->make_directories,
        .http = rules->http,
        .ledger_dir_fd = rules->ledger_dir_fd,
    };

    if (sandbox_confine_server(sandbox, &places, rules->calls, rules->call_count) < 0) {
        log_error("--sandbox=require: %s", sandbox->lack);
        return -1;
    }
    /* What a kernel does not have, -vv tells; this is something that can be changed. */
    if (sandbox->crowded)
        log_error("%s; served without it", sandbox->lack);
    return 0;
}
