/* options.c - ferryd's command line.
 *
 * Runs in: the parent, at start. */
#include "server/options.h"

#include "common/log.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>

enum {
    PORT_MAX = 65535,
    RUNNING_DEFAULT = 5,
    RUNNING_MAX = 10000,
    PENDING_DEFAULT = 1024,
    PENDING_MAX = 1000000,
    TIMEOUT_DEFAULT_S = 30,
    REQUEST_TIMEOUT_DEFAULT_S = 10,
    MIN_RATE_DEFAULT = 512,
    GRACE_DEFAULT_S = 10,
    LABEL_MAX = 63 /* bytes of a host name between two dots (RFC 1035 section 2.3.4) */
};

/* ---- values of our own ---- */

static int read_sync(const struct cmdline_option *option, const char *text, void *field)
{
    bool *durable = field;

    *durable = strcmp(text, "full") == 0;
    if (*durable || strcmp(text, "none") == 0)
        return 0;
    log_error("%s must be full or none, not \"%s\"", option->name, text);
    return -1;
}

static int read_sandbox(const struct cmdline_option *option, const char *text, void *field)
{
    static const struct {
        const char *word;
        enum sandbox_mode mode;
    } modes[] = {{"auto", SANDBOX_AUTO}, {"require", SANDBOX_REQUIRE}, {"off", SANDBOX_OFF}};

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(text, modes[i].word) == 0) {
            *(enum sandbox_mode *)field = modes[i].mode;
            return 0;
        }
    }
    log_error("%s must be auto, require or off, not \"%s\"", option->name, text);
    return -1;
}

static int read_allow(const struct cmdline_option *option, const char *text, void *field)
{
    const char *wrong = admission_add(field, text);

    if (wrong == NULL)
        return 0;
    log_error("%s must be ADDR or ADDR/BITS, not \"%s\": %s", option->name, text, wrong);
    return -1;
}

static int read_ready_fd(const struct cmdline_option *option, const char *text, void *field)
{
    uint64_t fd;

    if (cmdline_number(option->name, text, 0, INT32_MAX, &fd) < 0)
        return -1;
    int flags = fcntl((int)fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        log_error("%s must be a descriptor open for writing, not %s", option->name, text);
        return -1;
    }
    *(int *)field = (int)fd;
    return 0;
}

/* ---- those of the second door ---- */

/* Letters, digits and "-" between dots (RFC 1123 section 2.1), and "_", which many use. The last
 * part has a letter: what has none is meant as an address. */
static bool is_host_name(const char *text, size_t len)
{
    size_t label = 0;
    bool letter = false;

    for (size_t i = 0; i < len; i++) {
        const char byte = text[i];
        bool digit = byte >= '0' && byte <= '9', dot = byte == '.';
        bool word = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';

        if (!digit && !dot && !word && byte != '-')
            return false;
        if (dot && label == 0)
            return false;
        label = dot ? 0 : label + 1;
        letter = !dot && (letter || word);
        if (label > LABEL_MAX)
            return false;
    }
    return letter && label > 0 && len <= HTTP_NAME_MAX;
}

static int read_http_host(const struct cmdline_option *option, const char *text, void *field)
{
    struct http_names *names = field;

    if (!is_host_name(text, strlen(text))) {
        log_error("%s must be the name of a host, without a port, not \"%s\"", option->name, text);
        return -1;
    }
    if (names->given_count == HTTP_NAMES_MAX) {
        log_error("%s can be given %d times, not for \"%s\", too", option->name, HTTP_NAMES_MAX,
                  text);
        return -1;
    }
    names->given[names->given_count++] = text;
    return 0;
}

/* Is it an address of this family, such as inet_pton(3) knows; of IPv6, with or without a zone
 * ("fe80::1%eth0"), which is looked up later? */
static bool is_address(int family, const char *text)
{
    struct in6_addr address;
    char number[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, family == AF_INET6 ? "%" : "");

    if (len >= sizeof number)
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    return inet_pton(family, number, &address) == 1;
}

/* Takes what stands before the colon of the port. Returns NULL, or what is wrong with it. */
static const char *take_address(struct http_door *door, const char *text, size_t len)
{
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';

    if (brackets) {
        text++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof door->address)
        return "there is no such address";
    memcpy(door->address, text, len);
    door->address[len] = '\0';
    if (brackets)
        return is_address(AF_INET6, door->address) ? NULL : "that is not an IPv6 address";
    if (is_address(AF_INET6, door->address))
        return "an IPv6 address goes in brackets, as in [::1]:8000";
    return is_address(AF_INET, door->address) || is_host_name(text, len)
               ? NULL
               : "there is no such address";
}

/* The colon before the port, or NULL. */
static const char *port_colon(const char *text)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;

    return end == NULL ? strrchr(text, ':') : strchr(end, ':');
}

static int read_http(const struct cmdline_option *option, const char *text, void *field)
{
    struct http_door *door = field;
    const char *colon = port_colon(text), *wrong = NULL;
    uint64_t port;

    *door = (struct http_door){.open = true};
    /* "::1" is not port 1 of an address ":" */
    if (is_address(AF_INET6, text))
        wrong = "the port is missing, and the brackets, as in [::1]:8000";
    else if (colon != NULL)
        wrong = take_address(door, text, (size_t)(colon - text));
    if (wrong != NULL) {
        log_error("%s must be PORT or ADDR:PORT, not \"%s\": %s", option->name, text, wrong);
        return -1;
    }
    if (cmdline_number("the port of --http", colon == NULL ? text : colon + 1, 0, PORT_MAX, &port) <
        0)
        return -1;
    door->port = (unsigned)port;
    return 0;
}

/* ---- the table ---- */

#define AT(field) offsetof(struct options, field)

/* For one client, which a supervisor has accepted, that option means nothing. */
#define NOT_WITH_INETD(why) .not_with = "--inetd", .because = (why)

static const struct cmdline_option table[CMDLINE_ROWS] = {
    {"--root", "DIR", "serve DIR (default: the current directory)", CMDLINE_TEXT, .letter = 'd',
     .at = AT(root)},
    {"--bind", "ADDR", "listen on ADDR only (default: every address, IPv4 and IPv6)", CMDLINE_TEXT,
     .letter = 'b', .at = AT(bind), NOT_WITH_INETD("the supervisor is the one that listens")},
    {"--queue", "N",
     "how many clients may wait (default 1024); further ones wait in the kernel's backlog",
     CMDLINE_NUMBER, .letter = 'q', .at = AT(policy.max_pending), .min = 1, .max = PENDING_MAX,
     NOT_WITH_INETD("there is no queue")},
    {"--timeout", "SECS", "end a session that moves no byte for this long (default 30)",
     CMDLINE_SECONDS, .letter = 't', .at = AT(session.idle_ms), .min = 1},
    {"--grace", "SECS", "on SIGTERM, let running clients finish for this long (default 10)",
     CMDLINE_SECONDS, .letter = 'g', .at = AT(policy.grace_ms),
     NOT_WITH_INETD("there is nothing left to do but to serve the client, and SIGTERM ends that")},
    {"--sync", "=full|none",
     "full (default): a file is on disk before DONE is said;\n"
     "none: it is whole, but a power cut may lose it",
     CMDLINE_OWN, .at = AT(session.durable), .read = read_sync},

    {"--user", "NAME[:GROUP]",
     "once the port is bound, become this user in a chroot of DIR (needs root)", CMDLINE_TEXT,
     .letter = 'u', .at = AT(user), .section = true},
    {"--sandbox", "=auto|require|off",
     "confine the server and every worker: with what the kernel offers (default), with "
     "all of it, not at all",
     CMDLINE_OWN, .at = AT(sandbox), .read = read_sandbox},
    {"--allow", "ADDR[/BITS]", "serve these addresses only; may be repeated", CMDLINE_OWN,
     .at = AT(policy.allowed), .read = read_allow},
    {"--per-source", "N",
     "at most N clients at once from one IPv4 address or IPv6 /64, which gets at most a quarter of "
     "the queue",
     CMDLINE_NUMBER, .at = AT(policy.per_source), .min = 1, .max = RUNNING_MAX,
     NOT_WITH_INETD("it sees one client only, and the supervisor counts them")},
    {"--request-timeout", "SECS",
     "end a session if one of the client's turns before the data takes longer (default 10)",
     CMDLINE_SECONDS, .at = AT(session.turn_ms), .min = 1},
    {"--min-rate", "BYTES",
     "end a transfer that, after its first 10 s, moves fewer bytes a second on average; 0: no "
     "limit "
     "(default 512)",
     CMDLINE_BYTES, .at = AT(session.min_rate)},
    {"--max-size", "BYTES", "refuse larger uploads; K, M, G or T may follow the number",
     CMDLINE_BYTES, .at = AT(session.max_size)},
    {"--read-only", NULL, "refuse PUT and DEL", CMDLINE_FLAG, .at = AT(session.read_only)},
    {"--no-delete", NULL, "refuse DEL", CMDLINE_FLAG, .at = AT(session.no_delete)},
    {"--no-overwrite", NULL, "refuse PUT of a file that exists", CMDLINE_FLAG,
     .at = AT(session.no_overwrite)},
    {"--make-directories", NULL, "let PUT make missing directories, and MKCOL new ones",
     CMDLINE_FLAG, .at = AT(session.make_directories), .not_with = "--read-only",
     .because = "that refuses whatever would be put there"},

    {"--http", "[ADDR:]PORT",
     "listen for HTTP as well, for curl and browsers; without ADDR, at the addresses of --bind",
     CMDLINE_OWN, .at = AT(http), .read = read_http, .section = true,
     NOT_WITH_INETD("the supervisor is the one that listens")},
    {"--http-host", "NAME",
     "another name of this machine under which HTTP clients may reach it; may be repeated",
     CMDLINE_OWN, .at = AT(session.http_names), .read = read_http_host,
     NOT_WITH_INETD("there is no HTTP then")},

    {"--ledger", "FILE", "append a line of JSON for every client when its stay is over",
     CMDLINE_TEXT, .at = AT(record.ledger), .section = true,
     NOT_WITH_INETD("the process that talks to the client would hold the file")},
    {"--board", "FILE", "keep the queue and the running set in FILE, for ferrytop", CMDLINE_TEXT,
     .at = AT(record.board),
     NOT_WITH_INETD("the process that talks to the client would hold the file")},

    {"--tick-only", NULL, "look at workers and clients only once a second", CMDLINE_FLAG,
     .at = AT(policy.tick_only), .section = true, NOT_WITH_INETD("there is nobody to look at")},
    {"--ready-fd", "FD",
     "once listening, write \"PORT\\n\" to FD, and that of --http in a second line; then close FD",
     CMDLINE_OWN, .at = AT(ready_fd), .read = read_ready_fd,
     NOT_WITH_INETD("the supervisor is the one that listens")},
    {"--inetd", NULL,
     "serve the one client that is connected to descriptors 0 and 1, and exit: for tcpserver, "
     "socat, xinetd, inetd, systemd; what is printed goes to standard error. Not with PORT, MAX, "
     "--bind, --queue, --grace, --per-source, --http, --http-host, --ledger, --board, --tick-only "
     "or --ready-fd",
     CMDLINE_FLAG, .at = AT(inetd)},
    {"--verbose", NULL,
     "print what clients do; twice: the manager's decisions too, with times and ids", CMDLINE_COUNT,
     .letter = 'v', .at = AT(record.verbosity)},
    {"--help", NULL, "print this and exit", CMDLINE_HELP, .letter = 'h'},
    {"--version", NULL, "print the version and exit", CMDLINE_VERSION, .letter = 'V'},
};

static const char synopsis[] = "[OPTION]... PORT [MAX]";

#define ABOUT(program, worker)                                                                     \
    "       " program " --inetd [OPTION]...\n"                                                     \
    "Serve the files of a directory over TCP: GET, PUT and DEL, one " worker " per client.\n"      \
    "\n"                                                                                           \
    "  PORT                  listen here; 0 picks a free port (see --ready-fd and -v)\n"           \
    "  MAX                   clients served at once; the others queue (default 5)\n"

static const char notes[] =
    "Anybody who can reach PORT may read, replace and delete the files in DIR: the\n"
    "protocol has no passwords and no encryption. Use it on networks you trust.\n"
    "\n"
    "SIGTERM or SIGINT stops the server; a second one skips the grace.\n"
    "Exit status: 0 stopped, 1 could not start, 2 wrong usage.\n";

/* ---- all of it ---- */

static int refuse_operands(int count, char **operands)
{
    if (count == 0)
        return 0;
    log_error("PORT and MAX do not go with --inetd, where the supervisor listens and caps, but "
              "\"%s\" was given",
              operands[0]);
    return -1;
}

static int read_operands(struct options *options, const char *program, int count, char **operands)
{
    uint64_t port, max = RUNNING_DEFAULT;

    if (options->inetd)
        return refuse_operands(count, operands);
    if (count == 0) {
        log_error("PORT is missing; usage: %s %s", program, synopsis);
        return -1;
    }
    if (cmdline_number("PORT", operands[0], 0, PORT_MAX, &port) < 0)
        return -1;
    if (count > 1 && cmdline_number("MAX", operands[1], 1, RUNNING_MAX, &max) < 0)
        return -1;
    if (count > 2) {
        log_error("nothing may follow PORT and MAX, but \"%s\" does", operands[2]);
        return -1;
    }
    options->port = (unsigned)port;
    options->policy.max_running = (size_t)max;
    return 0;
}

/* Does each of the two doors' addresses take in the other's? That they are the same in another
 * spelling, bind(2) finds out. */
static bool same_addresses(const struct options *options)
{
    const char *other = options->http.address;

    return options->bind == NULL || other[0] == '\0' || strcmp(options->bind, other) == 0;
}

/* What only both together can be wrong about. Returns 0; or -1, and has said why. */
static int check_http(const struct options *options)
{
    if (!options->http.open && options->session.http_names.given_count > 0) {
        log_error("--http-host goes with --http only, which was not given");
        return -1;
    }
    if (options->http.open && options->port != 0 && options->port == options->http.port &&
        same_addresses(options)) {
        log_error("--http must be another port than PORT, not %u, too", options->port);
        return -1;
    }
    return 0;
}

enum cmdline_result options_parse(struct options *options, const char *program, int argc,
                                  char **argv)
{
    const struct cmdline cmdline = {
        .program = program,
        .synopsis = synopsis,
        .about = strcmp(program, "ferryd") == 0 ? ABOUT("ferryd", "process")
                                                : ABOUT("ferryd-threads", "thread"),
        .notes = notes,
        .options = table,
    };

    *options = (struct options){
        .policy.max_pending = PENDING_DEFAULT,
        .root = ".",
        .policy.grace_ms = GRACE_DEFAULT_S * 1000,
        .session = {.root_fd = -1,
                    .proc_fd = -1,
                    .idle_ms = TIMEOUT_DEFAULT_S * 1000,
                    .turn_ms = REQUEST_TIMEOUT_DEFAULT_S * 1000,
                    .min_rate = MIN_RATE_DEFAULT,
                    .max_size = INT64_MAX,
                    .durable = true},
        .sandbox = SANDBOX_AUTO,
        .ready_fd = -1,
    };
    enum cmdline_result result = cmdline_parse(&cmdline, options, argc, argv);
    if (result == CMDLINE_RUN &&
        (read_operands(options, program, argc - optind, argv + optind) < 0 ||
         check_http(options) < 0))
        return CMDLINE_WRONG;
    /* A turn is bounded as a whole, and a silent one by --timeout, too. */
    if (options->session.turn_ms > options->session.idle_ms)
        options->session.turn_ms = options->session.idle_ms;
    options->session.verbose = options->record.verbosity >= 1;
    return result;
}
