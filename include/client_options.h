/* client_options.h - ferry's command line. */
#ifndef FERRY_CLIENT_OPTIONS_H
#define FERRY_CLIENT_OPTIONS_H

#include "cmdline.h"
#include "proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct client_options {
    const char *host;
    const char *port;
    enum proto_verb verb;
    char **names; /* the files, in argv */
    size_t name_count;
    const char *output; /* -o; NULL: not given */
    size_t jobs;
    int wait_ms; /* -1: for ever */
    bool quiet;
    mode_t mask; /* the umask that new files get; the process's own is 0 */
    bool bare;   /* --bare: requests without a newline */
};

/* The name on the server that stands for `name` on the command line. Points into one of the two. */
const char *client_options_wire_name(const struct client_options *options, const char *name);

/* As options_parse(). */
enum cmdline_result client_options_parse(struct client_options *options, int argc, char **argv);

#endif
