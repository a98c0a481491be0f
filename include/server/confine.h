/* confine.h - what the server gives up when everything is open, before the first client. */
#ifndef FERRY_CONFINE_H
#define FERRY_CONFINE_H

#include "session/sandbox.h"
#include "session/service.h"

/* What it keeps besides the root, and the system calls that starting workers takes. */
struct confine_rules {
    int ledger_dir_fd; /* -1: none */
    bool http;         /* it serves HTTP, too */
    const struct sandbox_rule *calls;
    size_t call_count;
};

/* Both return 0; or -1, and what is wrong was said. In this order: the user changes while the
 * sandbox does not forbid it. */

/* Becomes `user`, where it is not NULL, for good: see identity_assume(). */
int confine_become_user(const char *user, struct session_config *config);

/* Puts the sandbox on this process: see sandbox_confine_server(). */
int confine_sandbox(struct sandbox *sandbox, const struct session_config *config,
                    const struct confine_rules *rules);

#endif
