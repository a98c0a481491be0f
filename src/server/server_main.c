/* server_main.c - ferryd and ferryd-threads: start, serve, stop.
 *
 * Runs in: the parent; of --inetd, main() only. The only file of the server that may exit. */
#include "common/io.h"
#include "common/log.h"
#include "common/sink.h"
#include "manager/manager.h"
#include "manager/worker.h"
#include "server/confine.h"
#include "server/inetd.h"
#include "server/options.h"
#include "session/http/http.h"
#include "session/lab.h"
#include "session/sandbox.h"
#include "session/storage.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every waiting client takes a descriptor; the soft limit is often 1024 for the sake of select(2),
 * which is not used here. */
static void raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

enum { OWN_FDS = 16 /* what the server itself has open, and a few it was started with */ };

/* Where workers share the table of descriptors with the queue, the queue leaves them theirs. */
static void leave_fds_to_workers(struct options *options)
{
    struct rlimit limit;
    size_t taken = OWN_FDS + options->policy.max_running * worker_fds;

    if (worker_fds == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    rlim_t left = limit.rlim_cur > taken ? limit.rlim_cur - taken : 1;
    if (options->policy.max_pending > left)
        options->policy.max_pending = (size_t)left;
}

/* Does not wait either: where there is no room for some bytes, nobody reads. What cannot be written
 * to in a way that is sure not to wait is still written to when poll(2) sees room: it happens once,
 * and nobody else has business there. */
static ssize_t write_port(const struct sink *ready, const char *line, size_t len)
{
    ssize_t written = sink_write(ready, line, len);

    if (written < 0 && errno == EOPNOTSUPP && io_wait(ready->fd, POLLOUT, io_now_ms()) == 0)
        written = write(ready->fd, line, len);
    return written;
}

/* With `http_port` 0 there is one port. */
static void report_ready(const struct sink *ready, unsigned port, unsigned http_port)
{
    char lines[32];
    int len = snprintf(lines, sizeof lines, http_port == 0 ? "%u\n" : "%u\n%u\n", port, http_port);

    if (ready->fd < 0)
        return;
    if (write_port(ready, lines, (size_t)len) < 0)
        log_error("--ready-fd %d: %s", ready->fd, strerror(errno));
    if (ready->fd > STDERR_FILENO)
        io_close(ready->fd);
}

struct server {
    const struct options *options;
    sigset_t inherited_mask; /* of signals, for the workers */
    struct acceptor acceptor;
    unsigned port, http_port; /* of its doors; 0: there is none */
    struct claims_pages claims;
    struct record record;
    struct sandbox sandbox;
    struct session_config config;
    struct manager manager;
    struct sink ready;
    int stop_fd, wake_fd;
};

/* The server as it comes up, step by step. Each step takes what the one before it leaves, so they
 * cannot be done in another order:
 * 1. what is opened, while it is in sight and may be opened, the port among it;
 * 2. what is given up then, because the opening would have needed it;
 * 3. a worker, which is confined further, and which is tried before clients are told to come.
 * NULL stands for a step that failed, and was told of. */
struct opened {
    struct server *server;
};
struct confined {
    struct server *server;
};
struct tried {
    struct server *server;
};

/* Nobody should have to find out from a client that was refused. */
static void tell_file_limit(const struct options *options)
{
    struct rlimit limit;

    if (options->session.max_size < INT64_MAX && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
        limit.rlim_cur < options->session.max_size)
        log_error("files can have %" PRIu64 " bytes here, fewer than --max-size: see ulimit -f",
                  (uint64_t)limit.rlim_cur);
}

/* Blocks the signals that are read from a descriptor, and keeps the mask there was. Returns the
 * descriptor, or -1 with errno. */
static int take_signals(const struct options *options, sigset_t *inherited)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (options->record.ledger != NULL)
        sigaddset(&signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &signals, inherited) < 0)
        return -1;
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int open_root(struct server *server)
{
    server->config.root_fd = storage_open_root(server->options->root);
    if (server->config.root_fd < 0)
        log_error("cannot serve %s: %s", server->options->root, strerror(errno));
    else
        server->config.nameless = storage_nameless_device(server->config.root_fd);
    return server->config.root_fd < 0 ? -1 : 0;
}

/* Returns the port; or 0, and what is wrong was said. `purpose` is for people. */
static unsigned open_door(struct server *server, const struct service *service, const char *address,
                          unsigned port, const char *purpose)
{
    const struct session_config *config = &server->config;
    const size_t first = server->acceptor.count;
    const char *reason =
        acceptor_open(&server->acceptor, service, address, port, config->idle_ms, config->turn_ms);

    if (reason != NULL) {
        log_error("cannot listen on port %u of %s%s: %s", port,
                  address == NULL ? "any address" : address, purpose, reason);
        return 0;
    }
    return server->acceptor.listeners[first].port;
}

static int open_ports(struct server *server)
{
    const struct options *options = server->options;
    const struct http_door *http = &options->http;

    server->port = open_door(server, &lab_service, options->bind, options->port, "");
    if (server->port == 0 || !http->open)
        return server->port == 0 ? -1 : 0;
    server->http_port =
        open_door(server, &http_service, http->address[0] == '\0' ? options->bind : http->address,
                  http->port, " for HTTP");
    return server->http_port == 0 ? -1 : 0;
}

/* What HTTP takes besides: this machine's name, and memory for listings. Mapped once, it costs a
 * child nothing until it writes there, and then it is the child's alone; threads map their own.
 * Returns 0, or -1 with errno. */
static int open_http(struct server *server)
{
    struct session_config *config = &server->config;

    /* Where it does not fit, the end may be missing (gethostname(2)): no name, then. */
    if (gethostname(config->http_names.own, sizeof config->http_names.own) < 0 ||
        memchr(config->http_names.own, '\0', sizeof config->http_names.own) == NULL)
        config->http_names.own[0] = '\0';
    if (!worker_has_own_memory)
        return 0;
    void *scratch = mmap(NULL, SESSION_SCRATCH_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (scratch == MAP_FAILED)
        return -1;
    config->scratch = scratch;
    return 0;
}

static int open_record(struct server *server)
{
    struct record_config config = server->options->record;

    config.kind = worker_kind;
    config.mask = server->config.mask;
    config.max_running = server->options->policy.max_running;
    config.max_pending = server->options->policy.max_pending;
    config.port = server->port;
    config.claims = &server->claims;
    return record_open(&server->record, &config);
}

/* The manager and what its workers need. Returns 0, or -1 with errno. */
static int open_manager(struct server *server)
{
    const struct policy *policy = &server->options->policy;

    server->stop_fd = take_signals(server->options, &server->inherited_mask);
    if (server->stop_fd < 0 || claims_open(&server->claims, policy->max_running) < 0)
        return -1;
    server->wake_fd =
        worker_init(&server->config, &server->sandbox, &server->claims, &server->inherited_mask);
    if (server->wake_fd < 0)
        return -1;
    return manager_init(&server->manager, policy, &server->acceptor, &server->record,
                        server->stop_fd, server->wake_fd);
}

static struct opened open_all(struct server *server)
{
    const struct opened nothing = {NULL}, all = {server};

    /* Everything is created with the very mode it is to have (staged.h). */
    server->config.mask = umask(0);
    if (open_root(server) < 0 || open_ports(server) < 0 || open_record(server) < 0)
        return nothing;
    if ((!server->options->http.open || open_http(server) == 0) && open_manager(server) == 0)
        return all;
    log_error("cannot start: %s", strerror(errno));
    return nothing;
}

/* What may stop the server is told before, so that it is told also to a reader who is slow. */
static int never_wait(struct server *server)
{
    if (log_never_wait() < 0) {
        log_error("cannot start: %s", strerror(errno));
        return -1;
    }
    if (server->options->ready_fd >= 0)
        (void)sink_open(&server->ready, server->options->ready_fd); /* report_ready() tells */
    return 0;
}

/* 1. Standard output and error are opened again by /proc, which a chroot has not;
 * 2. the user changes while the sandbox does not forbid it. */
static struct confined confine(struct opened opened)
{
    struct server *server = opened.server;
    const struct confine_rules rules = {
        .ledger_dir_fd = server == NULL ? -1 : server->record.ledger.dir_fd,
        .http = server != NULL && server->options->http.open,
        .calls = worker_rules,
        .call_count = worker_rule_count,
    };

    if (server == NULL || never_wait(server) < 0 ||
        confine_become_user(server->options->user, &server->config) < 0 ||
        confine_sandbox(&server->sandbox, &server->config, &rules) < 0)
        return (struct confined){NULL};
    return (struct confined){server};
}

/* The worker that was tried ended so. Returns 0 where it is worth trying again without what it
 * could not put on, -1 where it is not. */
static int try_without(struct sandbox *sandbox, const struct worker_end *end)
{
    const char *part = end->signal == 0 ? sandbox_leave_out(sandbox, end->status) : NULL;

    if (end->signal != 0)
        log_error("a worker that was tried was killed by signal %d", end->signal);
    else if (part == NULL)
        log_error(end->status == WORKER_ORPHANED
                      ? "a worker cannot see the server that started it"
                      : "a worker cannot let go of the memory of others");
    else if (sandbox->mode == SANDBOX_REQUIRE)
        log_error("--sandbox=require: a worker can have no %s", part);
    else
        log_error("a worker can have no %s; served without it", part);
    return part == NULL || sandbox->mode == SANDBOX_REQUIRE ? -1 : 0;
}

enum { RETRY_MS = 1000 };

/* Is it worth trying again, since fork(2) or pthread_create(3) failed for want of something? Then
 * returns true, a while later; false when that is hopeless, or with *stopped when we are to stop.
 */
static bool wait_for_worker(const struct server *server, bool told, bool *stopped)
{
    if (errno != EAGAIN && errno != ENOMEM)
        return false;
    if (!told)
        log_error("no worker can be tried: %s; not ready yet", strerror(errno));
    *stopped = io_wait(server->stop_fd, POLLIN, io_now_ms() + RETRY_MS) == 0;
    return !*stopped;
}

/* No client is told to come before one worker has been seen to come up. With *stopped, a stop
 * signal came first. */
static struct tried try_worker(struct confined confined, bool *stopped)
{
    const struct tried none = {NULL};
    struct server *server = confined.server;
    struct worker_end end;

    if (server == NULL)
        return none;
    for (bool told = false;; told = true) {
        while (worker_try(&end, server->manager.highest_fd) == 0) {
            if (end.status == 0 && end.signal == 0)
                return (struct tried){server};
            if (try_without(&server->sandbox, &end) < 0)
                return none;
        }
        if (!wait_for_worker(server, told, stopped))
            break;
    }
    if (!*stopped)
        log_error("cannot start a worker: %s%s", strerror(errno),
                  errno == EPERM && server->sandbox.seccomp
                      ? "; the filter does not know this libc, --sandbox=off does without it"
                      : "");
    return none;
}

static int serve(struct tried tried)
{
    struct server *server = tried.server;
    char text[SANDBOX_TEXT];

    if (server == NULL)
        return -1;
    if (!server->config.durable)
        log_error("--sync=none: a power cut may lose files that DONE was said for");
    if (server->config.verbose)
        log_line("server waiting on port %u", server->port);
    if (server->config.verbose && server->http_port != 0)
        log_line("server waiting on port %u for HTTP", server->http_port);
    record_note(&server->record, sandbox_describe(&server->sandbox, text, sizeof text));
    report_ready(&server->ready, server->port, server->http_port);
    manager_run(&server->manager);
    return 0;
}

static void close_all(struct server *server)
{
    manager_free(&server->manager);
    record_close(&server->record);
    claims_close(&server->claims);
    acceptor_close(&server->acceptor);
    if (server->config.scratch != NULL)
        (void)munmap(server->config.scratch, SESSION_SCRATCH_BYTES);
    io_close(server->stop_fd);
    io_close(server->wake_fd);
    io_close(server->sandbox.worker_fd);
    io_close(server->config.proc_fd);
    io_close(server->config.root_fd);
}

static int run(const struct options *options)
{
    /* Static, and closed only when no worker is left: a thread that outlived the grace may still be
     * using it. */
    static struct server server;
    bool stopped = false;

    server = (struct server){
        .options = options,
        .record = {.ledger = {.dir_fd = -1, .fd = -1}, .board = {.fd = -1}},
        .sandbox = {.mode = options->sandbox,
                    .worker_fd = -1,
                    .max_size = options->session.max_size},
        .config = options->session,
        .ready = {.fd = -1},
        .stop_fd = -1,
        .wake_fd = -1,
    };
    int served = serve(try_worker(confine(open_all(&server)), &stopped));
    if (server.manager.running.count == 0)
        close_all(&server);
    return served == 0 || stopped ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options;
    struct inetd_client client;

    log_open(worker_program, STDOUT_FILENO);
    inetd_take(&client, argc, argv); /* before a word is said: see there */
    if (io_fill_standard_fds() < 0) {
        log_error("cannot open /dev/null: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    switch (options_parse(&options, worker_program, argc, argv)) {
    case CMDLINE_EXIT:
        return EXIT_SUCCESS;
    case CMDLINE_WRONG:
        return EXIT_USAGE;
    case CMDLINE_RUN:
        break;
    }
    /* Ignored here once, and so in every child: a write to a connection that is gone fails with
     * EPIPE, a file over RLIMIT_FSIZE with EFBIG, instead of killing the process. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (options.inetd)
        return inetd_serve(&client, &options) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    raise_fd_limit();
    tell_file_limit(&options);
    leave_fds_to_workers(&options);
    return run(&options);
}
