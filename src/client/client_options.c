/* client_options.c - ferry's command line.
 *
 * Called by: client_main.c.
 * Runs in:   the client, at start. */
#include "client_options.h"

#include "log.h"
#include "path.h"
#include "version.h"

#include <getopt.h>

enum { PORT_MAX = 65535, JOBS_MAX = 1000 };

static const char program[] = "ferry";

static const char usage[] =
    "Usage: ferry [OPTION]... HOST PORT GET|PUT|DEL FILE...\n"
    "Get files from a ferryd server, put files there, or delete them there.\n"
    "\n"
    "  GET FILE...           fetch each FILE into the current directory\n"
    "  PUT FILE...           store each local FILE under its last name\n"
    "  DEL FILE...           delete each FILE on the server\n"
    "\n"
    "  -o, --output FILE     GET: write here; - is standard output\n"
    "                        PUT: the name on the server\n"
    "  -q, --quiet           no progress\n"
    "  -j, --jobs N          this many at once, when several files are named (default 1)\n"
    "  -w, --wait SECS       give up if the server's READY takes longer (default: wait)\n"
    "      --bare            send requests without a newline at their end, for servers\n"
    "                        that take it for a part of the name\n"
    "  -h, --help            print this and exit\n"
    "  -V, --version         print the version and exit\n"
    "\n"
    "A file gets its name only when it has come whole; until then the old one stays.\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

enum { OPT_BARE = 256 };

static const char short_options[] = ":o:qj:w:hV";

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'}, {"quiet", no_argument, NULL, 'q'},
    {"jobs", required_argument, NULL, 'j'},   {"wait", required_argument, NULL, 'w'},
    {"bare", no_argument, NULL, OPT_BARE},    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};

static int read_option(struct client_options *options, int option, char **argv)
{
    uint64_t number;

    switch (option) {
    case 'o':
        options->output = optarg;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case 'j':
        if (cmdline_number(program, "--jobs", optarg, 1, JOBS_MAX, &number) < 0)
            return -1;
        options->jobs = (size_t)number;
        return 0;
    case 'w':
        return cmdline_seconds(program, "--wait", optarg, 0, &options->wait_ms);
    case OPT_BARE:
        options->bare = true;
        return 0;
    default:
        return cmdline_complain(program, option, short_options, argv);
    }
}

static int read_verb(const char *text, enum proto_verb *verb)
{
    static const enum proto_verb verbs[] = {PROTO_GET, PROTO_PUT, PROTO_DEL};

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(text, proto_verb_name(verbs[i])) == 0) {
            *verb = verbs[i];
            return 0;
        }
    }
    log_error(program, "the third word must be GET, PUT or DEL, not \"%s\"", text);
    return -1;
}

const char *client_options_wire_name(const struct client_options *options, const char *name)
{
    if (options->verb != PROTO_PUT)
        return name;
    return options->output != NULL ? options->output : path_base_name(name);
}

/* A name on the wire is one line of at most so many bytes. */
static int check_names(const struct client_options *options)
{
    const size_t longest = PROTO_REQUEST_MAX - sizeof "GET";

    for (size_t i = 0; i < options->name_count; i++) {
        const char *name = client_options_wire_name(options, options->names[i]);
        bool whole = options->verb == PROTO_PUT && options->output == NULL; /* put.c looks at it */
        if ((name[0] == '\0' && !whole) || strlen(name) > longest ||
            strpbrk(name, "\r\n") != NULL) {
            char text[LOG_TEXT_MAX];
            proto_escape(text, sizeof text, name, strlen(name));
            log_error(program,
                      "a name on the server must be 1 to %zu bytes without a line end, not \"%s\"",
                      longest, text);
            return -1;
        }
    }
    return 0;
}

static int check_output(const struct client_options *options)
{
    if (options->output == NULL)
        return 0;
    if (options->verb == PROTO_DEL) {
        log_error(program, "--output goes with GET and PUT, not with DEL");
        return -1;
    }
    if (options->name_count > 1) {
        log_error(program, "--output goes with one FILE, not with %zu", options->name_count);
        return -1;
    }
    return 0;
}

static int read_operands(struct client_options *options, int count, char **operands)
{
    uint64_t port;

    if (count < 4) {
        log_error(program, "%s missing; usage: ferry [OPTION]... HOST PORT GET|PUT|DEL FILE...",
                  count == 0   ? "HOST is"
                  : count == 1 ? "PORT is"
                  : count == 2 ? "GET, PUT or DEL is"
                               : "FILE is");
        return -1;
    }
    if (cmdline_number(program, "PORT", operands[1], 1, PORT_MAX, &port) < 0)
        return -1;
    if (read_verb(operands[2], &options->verb) < 0)
        return -1;
    options->host = operands[0];
    options->port = operands[1];
    options->names = operands + 3;
    options->name_count = (size_t)count - 3;
    return check_output(options) < 0 ? -1 : check_names(options);
}

enum cmdline_result client_options_parse(struct client_options *options, int argc, char **argv)
{
    int option;

    *options = (struct client_options){.jobs = 1, .wait_ms = -1};
    opterr = 0;
    while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return CMDLINE_EXIT;
        }
        if (option == 'V') {
            printf("%s %s\n", program, FERRY_VERSION);
            return CMDLINE_EXIT;
        }
        if (read_option(options, option, argv) < 0)
            return CMDLINE_WRONG;
    }
    if (read_operands(options, argc - optind, argv + optind) < 0)
        return CMDLINE_WRONG;
    return CMDLINE_RUN;
}
