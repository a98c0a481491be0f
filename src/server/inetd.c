/* inetd.c - serving one client that somebody else has accepted: --inetd.
 *
 * Runs in: the one process that there is, which is server and worker at once. */
#include "server/inetd.h"

#include "common/io.h"
#include "common/log.h"
#include "manager/worker.h"
#include "server/confine.h"
#include "session/lab.h"
#include "session/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the connection ---- */

/* getopt_long(3) knows an option by its first letters. Another option's value may look like this
 * one, too; then a socket on descriptor 0 is of no use to anybody. */
static bool is_asked_for(int argc, char **argv)
{
    static const char option[] = "--inetd";

    for (int i = 1; i < argc; i++) {
        size_t len = strlen(argv[i]);
        if (len > 2 && len < sizeof option && memcmp(argv[i], option, len) == 0)
            return true;
    }
    return false;
}

void inetd_take(struct inetd_client *client, int argc, char **argv)
{
    struct stat socket, st;

    *client = (struct inetd_client){.fd = -1};
    if (!is_asked_for(argc, argv))
        return;
    if (fstat(STDIN_FILENO, &socket) < 0 || !S_ISSOCK(socket.st_mode)) {
        client->wrong = "is not a socket; see ferryd(8) for what starts it with one";
        return;
    }
    client->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (client->fd < 0)
        client->wrong = "cannot be taken: there is no other descriptor left";
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &st) == 0 && st.st_dev == socket.st_dev && st.st_ino == socket.st_ino)
            io_close(fd);
}

static int option_of(int fd, int option)
{
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? 0 : value;
}

/* Finds out who is at the other end. Returns NULL, or what is wrong with the socket. */
static const char *find_peer(int fd, union peer *peer)
{
    socklen_t len = sizeof *peer;

    if (option_of(fd, SO_TYPE) != SOCK_STREAM)
        return "is not a stream socket";
    if (option_of(fd, SO_ACCEPTCONN) != 0)
        return "is a socket that listens: whoever starts this must accept the client itself "
               "(nowait, wait = no, Accept=yes, --accept)";
    if (getpeername(fd, &peer->any, &len) < 0)
        return "is not connected, or not any more";
    switch (peer->any.sa_family) {
    case AF_UNIX: /* the name that it may have says nothing about who is there */
        *peer = (union peer){.any.sa_family = AF_UNIX};
        return NULL;
    case AF_INET:
    case AF_INET6:
        return NULL;
    default:
        return "is neither a TCP connection nor a local socket";
    }
}

/* What an accepted socket has from the server's listener. */
static int prepare_socket(int fd, int idle_ms)
{
    io_prepare_socket(fd);
    io_keepalive(fd, idle_ms);
    return io_bound_waits(fd);
}

/* ---- coming up ---- */

struct inetd {
    const struct options *options;
    int client_fd; /* borrowed */
    struct stay stay;
    struct session_config config;
    struct claims_pages claims;
    struct record record;
    struct sandbox sandbox;
};

/* Whatever a supervisor has left open is not for who may take this process over. */
static void close_inherited(int client_fd)
{
    unsigned highest = (unsigned)io_highest_fd();

    io_close_between(STDERR_FILENO + 1, (unsigned)client_fd - 1, highest);
    io_close_between((unsigned)client_fd + 1, ~0U, highest);
}

/* Whatever we were started with, SIGTERM ends this at once, but for a moment in staged.c. */
static int open_up_to_sigterm(void)
{
    sigset_t sigterm;

    sigemptyset(&sigterm);
    sigaddset(&sigterm, SIGTERM);
    return signal(SIGTERM, SIG_DFL) == SIG_ERR ? -1 : sigprocmask(SIG_UNBLOCK, &sigterm, NULL);
}

/* Takes note of the client, and opens what serving it takes. Returns 0; or -1, and has said why. */
static int open_all(struct inetd *inetd)
{
    const struct options *options = inetd->options;
    struct record_config record = options->record;

    inetd->config.root_fd = storage_open_root(options->root);
    if (inetd->config.root_fd < 0) {
        log_error("cannot serve %s: %s", options->root, strerror(errno));
        return -1;
    }
    if (prepare_socket(inetd->client_fd, options->session.idle_ms) < 0 ||
        claims_open(&inetd->claims, 1) < 0) {
        log_error("cannot start: %s", strerror(errno));
        return -1;
    }
    record.kind = "pid";
    record.max_running = 1;
    record.claims = &inetd->claims;
    return record_open(&inetd->record, &record);
}

/* A server would try this out with a worker that serves nobody, and remember. */
static int confine_as_worker(struct sandbox *sandbox)
{
    enum sandbox_part missing;

    while ((missing = sandbox_confine_worker(sandbox)) != SANDBOX_WHOLE) {
        const char *part = sandbox_leave_out(sandbox, (int)missing);
        if (sandbox->mode == SANDBOX_REQUIRE) {
            log_error("--sandbox=require: there can be no %s", part);
            return -1;
        }
        log_error("there can be no %s; served without it", part);
    }
    return 0;
}

/* As server and as worker, in the order in which the server's process and its worker's do it.
 * Nothing is started, so no system call for that is needed. */
static int confine(struct inetd *inetd)
{
    const struct confine_rules rules = {.ledger_dir_fd = -1};
    struct sandbox *sandbox = &inetd->sandbox;
    char text[SANDBOX_TEXT];

    if (confine_become_user(inetd->options->user, &inetd->config) < 0 ||
        confine_sandbox(sandbox, &inetd->config, &rules) < 0 || confine_as_worker(sandbox) < 0)
        return -1;
    record_note(&inetd->record, sandbox_describe(sandbox, text, sizeof text));
    io_close(sandbox->worker_fd);
    return 0;
}

/* ---- serving ---- */

static void serve(struct inetd *inetd)
{
    struct stay *stay = &inetd->stay;

    stay->started_ns = io_now_ns();
    stay->worker = getpid();
    stay->beside = 1;
    record_started(&inetd->record, stay);
    lab_service.run(&inetd->config, inetd->client_fd, claims_of(&inetd->claims, 0));
    record_ended(&inetd->record, stay, (struct ending){.signal = 0});
}

/* It hears nothing, as in the server; here -v is enough for a line, since a supervisor that tells
 * of every client would have one without a word of ours. */
static void turn_away(const struct inetd *inetd)
{
    if (inetd->config.verbose) {
        char peer[PEER_TEXT_MAX];
        log_line("server turned away client at %s: not allowed",
                 peer_format(&inetd->stay.client, peer));
    }
}

static int run(struct inetd *inetd)
{
    if (!admission_allows(&inetd->options->policy.allowed, &inetd->stay.client)) {
        turn_away(inetd);
        return 0;
    }
    if (open_all(inetd) < 0)
        return -1;
    record_queued(&inetd->record, &inetd->stay);
    if (!inetd->config.durable && inetd->config.verbose) /* a server says it once, not to each */
        log_error("--sync=none: a power cut may lose files that DONE was said for");
    if (confine(inetd) < 0)
        return -1;
    serve(inetd);
    log_catch_up();
    return 0;
}

int inetd_serve(struct inetd_client *client, const struct options *options)
{
    struct inetd inetd = {
        .options = options,
        .client_fd = client->fd,
        .stay = {.serial = 1, .accepted_ns = io_now_ns(), .accepted_wall_ns = io_wall_ns()},
        .config = options->session,
        .sandbox = {.mode = options->sandbox,
                    .worker_fd = -1,
                    .max_size = options->session.max_size},
    };
    int outcome = -1;

    log_open(worker_program, STDERR_FILENO);
    if (client->wrong == NULL)
        client->wrong = find_peer(client->fd, &inetd.stay.client);
    if (client->wrong != NULL) {
        log_error("descriptor 0 %s", client->wrong);
        goto out;
    }
    inetd.stay.connection = inetd.stay.client;
    (void)memccpy(inetd.stay.service, lab_service.name, '\0', sizeof inetd.stay.service - 1);
    close_inherited(client->fd);
    inetd.config.mask = umask(0); /* as in the server: see staged.h */
    if (open_up_to_sigterm() < 0 || log_never_wait() < 0)
        log_error("cannot start: %s", strerror(errno));
    else
        outcome = run(&inetd);
out:
    io_close(client->fd);
    return outcome;
}
