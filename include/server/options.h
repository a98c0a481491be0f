/* options.h - ferryd's command line. */
#ifndef FERRY_OPTIONS_H
#define FERRY_OPTIONS_H

#include "common/cmdline.h"
#include "manager/manager.h"
#include "session/sandbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    unsigned port;        /* 0: a free one */
    struct policy policy; /* MAX, --queue, --per-source, --grace, --tick-only, --allow */
    const char *root;
    const char *bind; /* NULL: every address */
    int timeout_ms;
    int request_timeout_ms;
    uint64_t min_rate; /* bytes a second */
    uint64_t max_size; /* bytes */
    bool read_only, no_delete, no_overwrite;
    enum sandbox_mode sandbox;
    const char *ledger; /* NULL: none */
    const char *board;  /* NULL: nobody but us sees it */
    const char *user;   /* NULL: stay who we are */
    bool durable;       /* --sync=full */
    int ready_fd;       /* -1: nobody asks */
    int verbosity;      /* 0, 1: the lab's lines, 2: the manager's decisions too */
};

/* `program` names the program in messages; strings in `options` point into `argv`. */
enum cmdline_result options_parse(struct options *options, const char *program, int argc,
                                  char **argv);

#endif
