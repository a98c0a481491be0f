/* client_options.h - ferry's command line. */
#ifndef FERRY_CLIENT_OPTIONS_H
#define FERRY_CLIENT_OPTIONS_H

#include "common/cmdline.h"
#include "common/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct client_options {
    const char *host; /* without the brackets of [::1] */
    const char *port;
    enum proto_verb verb;
    char **names; /* the files, in argv */
    size_t name_count;
    const char *output; /* -o; NULL: not given */
    bool into;          /* `output` is a directory: each file goes there, under its last name */
    size_t jobs;
    bool at_once;   /* several files, several jobs */
    int wait_ms;    /* for READY; -1: for ever */
    int timeout_ms; /* for every other answer, and without a byte moved; -1: for ever */
    int connect_ms; /* for a connection to one address; -1: as long as the kernel tries */
    bool quiet;     /* no progress, no word about waiting */
    bool silent;    /* nothing but errors */
    mode_t mask;    /* the umask that new files get; the process's own is 0 */
    bool bare;      /* --bare: requests without a newline */
};

/* Do the file's bytes go to standard output? */
bool client_options_to_stdout(const struct client_options *options);

/* Where GET writes `name` of the command line, or under which name on the server PUT stores it:
 * its last component, or as --output says. Written to `target`, cut to `room`; returns the length
 * it has uncut. */
size_t client_options_target(const struct client_options *options, const char *name, char *target,
                             size_t room);

/* As options_parse(). */
enum cmdline_result client_options_parse(struct client_options *options, int argc, char **argv);

#endif
