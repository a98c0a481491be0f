/* options.c - ferryd's command line.
 *
 * Runs in: the parent, at start. */
#include "server/options.h"

#include "common/log.h"
#include "common/version.h"

#include <fcntl.h>
#include <getopt.h>

enum {
    PORT_MAX = 65535,
    RUNNING_DEFAULT = 5,
    RUNNING_MAX = 10000,
    PENDING_DEFAULT = 1024,
    PENDING_MAX = 1000000,
    TIMEOUT_DEFAULT_S = 30,
    REQUEST_TIMEOUT_DEFAULT_S = 10,
    MIN_RATE_DEFAULT = 512,
    GRACE_DEFAULT_S = 10
};

static const char usage[] =
    "Usage: %s [OPTION]... PORT [MAX]\n"
    "Serve the files of a directory over TCP: GET, PUT and DEL, one %s per client.\n"
    "\n"
    "  PORT                  listen here; 0 picks a free port (see --ready-fd and -v)\n"
    "  MAX                   clients served at once, the others wait in line (default 5)\n"
    "\n"
    "  -d, --root DIR        serve DIR (default: the current directory)\n"
    "  -b, --bind ADDR       listen on ADDR only (default: every address, IPv4 and IPv6)\n"
    "  -q, --queue N         clients that may wait (default 1024); beyond that the\n"
    "                        kernel's backlog\n"
    "  -t, --timeout SECS    end a session that moves no byte for this long (default 30)\n"
    "  -g, --grace SECS      on SIGTERM, let running clients finish for this long\n"
    "                        (default 10)\n"
    "      --sync=full|none  full (default): a file is on disk before DONE is said;\n"
    "                        none: it is whole, but a power cut may lose it\n"
    "\n"
    "  -u, --user NAME[:GROUP]   once listening, become this user in a chroot of DIR\n"
    "                            (needs root)\n"
    "      --sandbox=auto|require|off   confine the server and every worker: with what\n"
    "                            the kernel offers (default), with all of it, not at all\n"
    "      --allow ADDR[/BITS]   serve these addresses only; may be repeated\n"
    "      --per-source N        at most N clients at once from one IPv4 address or\n"
    "                            IPv6 /64, and a quarter of the queue\n"
    "      --request-timeout SECS   for each of a client's turns before the data\n"
    "                            (default 10)\n"
    "      --min-rate BYTES      a second, on average after 10 s of data; 0 for none\n"
    "                            (default 512)\n"
    "      --max-size BYTES      of an upload; K, M, G and T may follow\n"
    "      --read-only           refuse PUT and DEL\n"
    "      --no-delete           refuse DEL\n"
    "      --no-overwrite        refuse PUT of a file that is there\n"
    "\n"
    "      --ledger FILE     append a line of JSON for every client when its stay is over\n"
    "      --board FILE      keep the queue and the running set in FILE, for ferrytop\n"
    "\n"
    "      --tick-only       look at workers and clients once a second only\n"
    "      --ready-fd FD     once listening, write \"PORT\\n\" to FD and close it\n"
    "  -v, --verbose         print what clients do; twice: the manager's decisions too,\n"
    "                        with times and ids\n"
    "  -h, --help            print this and exit\n"
    "  -V, --version         print the version and exit\n"
    "\n"
    "Anybody who can reach PORT may read, replace and delete the files in DIR: the\n"
    "protocol has no passwords and no encryption. Use it on networks you trust.\n"
    "\n"
    "SIGTERM or SIGINT stops the server; a second one skips the grace.\n"
    "Exit status: 0 stopped, 1 could not start, 2 wrong usage.\n";

enum {
    OPT_SYNC = 256,
    OPT_TICK_ONLY,
    OPT_READY_FD,
    OPT_LEDGER,
    OPT_BOARD,
    OPT_SANDBOX,
    OPT_ALLOW,
    OPT_PER_SOURCE,
    OPT_REQUEST_TIMEOUT,
    OPT_MIN_RATE,
    OPT_MAX_SIZE,
    OPT_READ_ONLY,
    OPT_NO_DELETE,
    OPT_NO_OVERWRITE
};

static const char short_options[] = ":d:b:q:t:g:u:vhV";

static const struct option long_options[] = {
    {"root", required_argument, NULL, 'd'},
    {"bind", required_argument, NULL, 'b'},
    {"queue", required_argument, NULL, 'q'},
    {"timeout", required_argument, NULL, 't'},
    {"grace", required_argument, NULL, 'g'},
    {"sync", required_argument, NULL, OPT_SYNC},
    {"tick-only", no_argument, NULL, OPT_TICK_ONLY},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {"user", required_argument, NULL, 'u'},
    {"ledger", required_argument, NULL, OPT_LEDGER},
    {"board", required_argument, NULL, OPT_BOARD},
    {"sandbox", required_argument, NULL, OPT_SANDBOX},
    {"allow", required_argument, NULL, OPT_ALLOW},
    {"per-source", required_argument, NULL, OPT_PER_SOURCE},
    {"request-timeout", required_argument, NULL, OPT_REQUEST_TIMEOUT},
    {"min-rate", required_argument, NULL, OPT_MIN_RATE},
    {"max-size", required_argument, NULL, OPT_MAX_SIZE},
    {"read-only", no_argument, NULL, OPT_READ_ONLY},
    {"no-delete", no_argument, NULL, OPT_NO_DELETE},
    {"no-overwrite", no_argument, NULL, OPT_NO_OVERWRITE},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int read_sync(const char *text, bool *durable)
{
    *durable = strcmp(text, "full") == 0;
    if (*durable || strcmp(text, "none") == 0)
        return 0;
    log_error("--sync must be full or none, not \"%s\"", text);
    return -1;
}

static int read_sandbox(const char *text, enum sandbox_mode *mode)
{
    static const struct {
        const char *word;
        enum sandbox_mode mode;
    } modes[] = {{"auto", SANDBOX_AUTO}, {"require", SANDBOX_REQUIRE}, {"off", SANDBOX_OFF}};

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(text, modes[i].word) == 0) {
            *mode = modes[i].mode;
            return 0;
        }
    }
    log_error("--sandbox must be auto, require or off, not \"%s\"", text);
    return -1;
}

static int read_allow(const char *text, struct admission *allowed)
{
    const char *wrong = admission_add(allowed, text);
    if (wrong == NULL)
        return 0;
    log_error("--allow must be ADDR or ADDR/BITS, not \"%s\": %s", text, wrong);
    return -1;
}

static int read_ready_fd(const char *text, int *ready_fd)
{
    uint64_t fd;

    if (cmdline_number("--ready-fd", text, 0, INT32_MAX, &fd) < 0)
        return -1;
    int flags = fcntl((int)fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        log_error("--ready-fd must be a descriptor open for writing, not %s", text);
        return -1;
    }
    *ready_fd = (int)fd;
    return 0;
}

/* The options of admission and confinement. */
static int read_limit(struct options *options, int option)
{
    uint64_t number;

    switch (option) {
    case OPT_SANDBOX:
        return read_sandbox(optarg, &options->sandbox);
    case OPT_ALLOW:
        return read_allow(optarg, &options->policy.allowed);
    case OPT_PER_SOURCE:
        if (cmdline_number("--per-source", optarg, 1, RUNNING_MAX, &number) < 0)
            return -1;
        options->policy.per_source = (size_t)number;
        return 0;
    case OPT_REQUEST_TIMEOUT:
        return cmdline_seconds("--request-timeout", optarg, 1, &options->request_timeout_ms);
    case OPT_MIN_RATE:
        return cmdline_bytes("--min-rate", optarg, &options->min_rate);
    case OPT_MAX_SIZE:
        return cmdline_bytes("--max-size", optarg, &options->max_size);
    case OPT_READ_ONLY:
        options->read_only = true;
        return 0;
    case OPT_NO_DELETE:
        options->no_delete = true;
        return 0;
    case OPT_NO_OVERWRITE:
        options->no_overwrite = true;
        return 0;
    default:
        return -1;
    }
}

static int read_option(struct options *options, int option)
{
    uint64_t number;

    switch (option) {
    case 'd':
        options->root = optarg;
        return 0;
    case 'b':
        options->bind = optarg;
        return 0;
    case 'q':
        if (cmdline_number("--queue", optarg, 1, PENDING_MAX, &number) < 0)
            return -1;
        options->policy.max_pending = (size_t)number;
        return 0;
    case 't':
        return cmdline_seconds("--timeout", optarg, 1, &options->timeout_ms);
    case 'g':
        return cmdline_seconds("--grace", optarg, 0, &options->policy.grace_ms);
    case 'u':
        options->user = optarg;
        return 0;
    case 'v':
        options->verbosity++;
        return 0;
    case OPT_LEDGER:
        options->ledger = optarg;
        return 0;
    case OPT_BOARD:
        options->board = optarg;
        return 0;
    case OPT_SYNC:
        return read_sync(optarg, &options->durable);
    case OPT_TICK_ONLY:
        options->policy.tick_only = true;
        return 0;
    case OPT_READY_FD:
        return read_ready_fd(optarg, &options->ready_fd);
    case '?':
        return -1;
    default:
        return read_limit(options, option);
    }
}

static int read_operands(struct options *options, const char *program, int count, char **operands)
{
    uint64_t port, max = RUNNING_DEFAULT;

    if (count == 0) {
        log_error("PORT is missing; usage: %s [OPTION]... PORT [MAX]", program);
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

enum cmdline_result options_parse(struct options *options, const char *program, int argc,
                                  char **argv)
{
    int option;

    *options = (struct options){
        .policy.max_pending = PENDING_DEFAULT,
        .root = ".",
        .timeout_ms = TIMEOUT_DEFAULT_S * 1000,
        .request_timeout_ms = REQUEST_TIMEOUT_DEFAULT_S * 1000,
        .policy.grace_ms = GRACE_DEFAULT_S * 1000,
        .min_rate = MIN_RATE_DEFAULT,
        .max_size = INT64_MAX,
        .sandbox = SANDBOX_AUTO,
        .durable = true,
        .ready_fd = -1,
    };
    while ((option = cmdline_next(argc, argv, short_options, long_options)) != -1) {
        if (option == 'h') {
            printf(usage, program, strcmp(program, "ferryd") == 0 ? "process" : "thread");
            return CMDLINE_EXIT;
        }
        if (option == 'V') {
            printf("%s %s\n", program, FERRY_VERSION);
            return CMDLINE_EXIT;
        }
        if (read_option(options, option) < 0)
            return CMDLINE_WRONG;
    }
    if (read_operands(options, program, argc - optind, argv + optind) < 0)
        return CMDLINE_WRONG;
    return CMDLINE_RUN;
}
