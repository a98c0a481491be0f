/* client_options.c - ferry's command line.
 *
 * Runs in: the client, at start. */
#include "client/client_options.h"

#include "common/log.h"
#include "common/path.h"
#include "common/text.h"

#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>

enum { PORT_MAX = 65535, JOBS_MAX = 1000, TIMEOUT_MS = 60000, CONNECT_MS = 10000 };

#define AT(field) offsetof(struct client_options, field)

static const struct cmdline_option table[CMDLINE_ROWS] = {
    {"--output", "FILE",
     "GET: write here; - is standard output\n"
     "PUT: the name on the server\n"
     "DIR/: put each FILE there, under the last part of its name",
     CMDLINE_TEXT, .letter = 'o', .at = AT(output)},
    {"--quiet", NULL, "print no progress, and nothing about waiting", CMDLINE_FLAG, .letter = 'q',
     .at = AT(quiet)},
    {"--silent", NULL, "print nothing but errors", CMDLINE_FLAG, .letter = 's', .at = AT(silent)},
    {"--jobs", "N", "move this many at once if several files are named (default 1)", CMDLINE_NUMBER,
     .letter = 'j', .at = AT(jobs), .min = 1, .max = JOBS_MAX},
    {"--wait", "SECS", "give up if the server's READY takes longer than this (default: wait)",
     CMDLINE_SECONDS, .letter = 'w', .at = AT(wait_ms)},
    {"--timeout", "SECS",
     "give up if, after READY, the server neither answers nor moves a byte for this long; "
     "0: never (default 60)",
     CMDLINE_LIMIT, .letter = 't', .at = AT(timeout_ms)},
    {"--connect-timeout", "SECS",
     "give up on an address that does not answer for this long; 0: when the kernel does "
     "(default 10)",
     CMDLINE_LIMIT, .at = AT(connect_ms)},
    {"--bare", NULL,
     "send requests without a newline at the end, for servers that take it for a part "
     "of the name",
     CMDLINE_FLAG, .at = AT(bare)},
    {"--help", NULL, "print this and exit", CMDLINE_HELP, .letter = 'h'},
    {"--version", NULL, "print the version and exit", CMDLINE_VERSION, .letter = 'V'},
};

static const struct cmdline cmdline = {
    .program = "ferry",
    .synopsis = "[OPTION]... HOST PORT GET|PUT|DEL FILE...",
    .about = "Get files from a ferryd server, put files there, or delete them there.\n"
             "\n"
             "  GET FILE...           fetch each FILE into the current directory\n"
             "  PUT FILE...           store each local FILE under the last part of its name\n"
             "  DEL FILE...           delete each FILE on the server\n",
    .notes = "A file gets its name only when all of it has come; until then the old one stays.\n"
             "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
    .options = table,
};

/* In capitals, as the protocol has them, or in small letters. */
static int read_verb(const char *text, enum proto_verb *verb)
{
    static const struct {
        const char *name;
        enum proto_verb verb;
    } verbs[] = {{"GET", PROTO_GET}, {"get", PROTO_GET}, {"PUT", PROTO_PUT},
                 {"put", PROTO_PUT}, {"DEL", PROTO_DEL}, {"del", PROTO_DEL}};

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(text, verbs[i].name) == 0) {
            *verb = verbs[i].verb;
            return 0;
        }
    }
    log_error("the third word must be GET, PUT or DEL, not \"%s\"", text);
    return -1;
}

/* An address in brackets, as in a URL, is the address. */
static const char *read_host(char *text)
{
    size_t len = strlen(text);

    if (len < 2 || text[0] != '[' || text[len - 1] != ']' || strchr(text, ':') == NULL)
        return text;
    text[len - 1] = '\0';
    return text + 1;
}

/* ---- what files become ---- */

bool client_options_to_stdout(const struct client_options *options)
{
    return options->verb == PROTO_GET && options->output != NULL &&
           strcmp(options->output, "-") == 0;
}

size_t client_options_target(const struct client_options *options, const char *name, char *target,
                             size_t room)
{
    const char *dir = "", *slash = "", *base = path_base_name(name);

    if (options->into) {
        dir = options->output;
        slash = dir[strlen(dir) - 1] == '/' ? "" : "/";
    } else if (options->output != NULL) {
        base = options->output;
    }
    return (size_t)snprintf(target, room, "%s%s%s", dir, slash, base);
}

/* A slash at the end says it; a local directory can be seen. */
static bool output_is_directory(const struct client_options *options)
{
    struct stat st;
    const char *output = options->output;

    if (output == NULL || output[0] == '\0' || client_options_to_stdout(options))
        return false;
    if (output[strlen(output) - 1] == '/')
        return true;
    return options->verb == PROTO_GET && stat(output, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A name on the wire is one line of at most so many bytes. */
static int check_name(const struct client_options *options, const char *name)
{
    const size_t longest = PROTO_REQUEST_MAX - sizeof "GET";
    char target[PROTO_REQUEST_MAX], text[LOG_TEXT_MAX];
    size_t len = strlen(name);

    if (options->verb == PROTO_PUT) {
        len = client_options_target(options, name, target, sizeof target);
        if (len == 0 && options->output == NULL)
            return 0; /* a directory: commands.c says so */
        name = target;
    }
    if (len > 0 && len <= longest && strpbrk(name, "\r\n") == NULL)
        return 0;
    text_escape(text, sizeof text, name, strlen(name));
    log_error("a name on the server must be 1 to %zu bytes without a line end, not \"%s\"", longest,
              text);
    return -1;
}

static int check_names(const struct client_options *options)
{
    for (size_t i = 0; i < options->name_count; i++)
        if (check_name(options, options->names[i]) < 0)
            return -1;
    return 0;
}

/* By last name, and then by the whole. */
static int compare_names(const void *a, const void *b)
{
    const char *one = *(char *const *)a, *other = *(char *const *)b;
    int order = strcmp(path_base_name(one), path_base_name(other));
    return order != 0 ? order : strcmp(one, other);
}

/* Of two files that become one, the first would be lost without a word. */
static int check_collisions(const struct client_options *options)
{
    size_t count = options->name_count;
    int outcome = 0;

    if (count < 2 || options->verb == PROTO_DEL)
        return 0;
    const char **sorted = calloc(count, sizeof *sorted);
    if (sorted == NULL) {
        log_error("%s", strerror(errno));
        return -1;
    }
    memcpy(sorted, options->names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < count && outcome == 0; i++) {
        const char *base = path_base_name(sorted[i]);
        if (base[0] == '\0' || strcmp(base, path_base_name(sorted[i - 1])) != 0 ||
            strcmp(sorted[i], sorted[i - 1]) == 0)
            continue;
        log_error("%s and %s would both be stored as %s; do them one by one", sorted[i - 1],
                  sorted[i], base);
        outcome = -1;
    }
    free(sorted);
    return outcome;
}

static int check_output(const struct client_options *options)
{
    if (options->output == NULL)
        return 0;
    if (options->verb == PROTO_DEL) {
        log_error("--output goes with GET and PUT, not with DEL");
        return -1;
    }
    if (options->name_count > 1 && !options->into) {
        log_error("--output %s is not a directory, so it goes with one FILE, not with %zu",
                  options->output, options->name_count);
        return -1;
    }
    return 0;
}

static int read_operands(struct client_options *options, int count, char **operands)
{
    uint64_t port;

    if (count < 4) {
        log_error("%s missing; usage: ferry %s",
                  count == 0   ? "HOST is"
                  : count == 1 ? "PORT is"
                  : count == 2 ? "GET, PUT or DEL is"
                               : "FILE is",
                  cmdline.synopsis);
        return -1;
    }
    if (cmdline_number("PORT", operands[1], 1, PORT_MAX, &port) < 0)
        return -1;
    if (read_verb(operands[2], &options->verb) < 0)
        return -1;
    options->host = read_host(operands[0]);
    options->port = operands[1];
    options->names = operands + 3;
    options->name_count = (size_t)count - 3;
    options->at_once = options->jobs > 1 && options->name_count > 1;
    options->into = output_is_directory(options);
    if (check_output(options) < 0 || check_names(options) < 0)
        return -1;
    return check_collisions(options);
}

enum cmdline_result client_options_parse(struct client_options *options, int argc, char **argv)
{
    *options = (struct client_options){
        .jobs = 1, .wait_ms = -1, .timeout_ms = TIMEOUT_MS, .connect_ms = CONNECT_MS};
    enum cmdline_result result = cmdline_parse(&cmdline, options, argc, argv);
    options->quiet |= options->silent;
    if (result == CMDLINE_RUN && read_operands(options, argc - optind, argv + optind) < 0)
        return CMDLINE_WRONG;
    return result;
}
