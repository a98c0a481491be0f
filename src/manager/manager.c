/* manager.c - the loop that decides who is served when.
 *
 * Runs in: the parent, which is this one loop and has a single thread. manager_run() is the
 *          lab's pseudocode; start reading there. */
#include "manager/manager.h"

#include "common/io.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,         /* the lab's second: the longest the loop sleeps */
    ACCEPT_BATCH = 64,      /* clients taken before the loop looks at its workers again */
    FORCE_AFTER_MS = 1000,  /* from a worker's SIGTERM to its SIGKILL */
    GIVE_UP_AFTER_MS = 1000 /* from its SIGKILL to leaving without it */
};

/* One of -vv's lines: the time since the start, and what was decided. */
__attribute__((format(printf, 2, 3))) static void decision(const struct manager *m,
                                                           const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;

    if (m->options->verbosity < 2)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int64_t ms = (io_now_ns() - m->board.header->began_ns) / 1000000;
    log_line("manager %" PRId64 ".%03d s: %s (%zu running, %zu waiting)", ms / 1000,
             (int)(ms % 1000), text, m->running.count, m->queue.count);
}

void manager_say(const struct manager *m, const char *text)
{
    decision(m, "%s", text);
}

/* ---- reaping ---- */

/* What the parent itself saw of the end weighs more than what the worker said of it; but where the
 * parent has told it to end, what was done by then is done. */
static enum outcome judge(const struct manager *m, const struct worker_end *end,
                          const struct report *report)
{
    bool said = report->outcome == OUTCOME_DONE || report->outcome == OUTCOME_REFUSED;

    if (m->ending)
        return said ? (enum outcome)report->outcome : OUTCOME_SHUTDOWN;
    if (end->signal != 0)
        return OUTCOME_SIGNAL;
    if (end->status == WORKER_UNCONFINED)
        return OUTCOME_SANDBOX;
    return (enum outcome)report->outcome;
}

static void log_done(const struct manager *m, const struct ledger_entry *entry)
{
    char peer[PEER_TEXT_MAX], how[48], words[REPORT_REASON_TEXT];
    const uint32_t reason = entry->report.reason;

    if (m->options->verbosity < 1)
        return;
    if (entry->signal != 0)
        (void)snprintf(how, sizeof how, "killed by signal %d", entry->signal);
    else
        (void)snprintf(how, sizeof how, "%s", report_outcome_name(entry->outcome));
    log_line("server done with client at %s: %s%s%s", peer_format(&entry->client->peer, peer), how,
             reason == 0 ? "" : ", ", reason == 0 ? "" : report_reason_words(reason, words));
}

/* The end of a client's stay, for the ledger and the board. `member` is NULL where it never ran. */
static void account(struct manager *m, const struct ledger_entry *entry)
{
    m->board.header->ended[entry->outcome]++;
    m->board.header->bytes_moved += entry->report.moved;
    m->board.changed = true;
    ledger_write(&m->ledger, entry);
    log_done(m, entry);
}

static void log_reaped(struct manager *m, const struct worker_end *end,
                       const struct running *member)
{
    struct ledger_entry entry = {
        .client = &member->client,
        .member = member,
        .reaped_ns = io_now_ns(),
        .signal = end->signal,
    };
    char how[48];

    report_read(board_report(&m->board, member->slot), &entry.report);
    entry.outcome = judge(m, end, &entry.report);
    if (entry.outcome != (enum outcome)entry.report.outcome)
        entry.report.reason = 0; /* it was another one's */
    account(m, &entry);
    if (end->signal != 0)
        (void)snprintf(how, sizeof how, "killed by signal %d", end->signal);
    else
        (void)snprintf(how, sizeof how, "%s", report_outcome_name(entry.outcome));
    decision(m, "client %" PRIu64 " ended, %s %" PRId64 ", %s after %" PRId64 " ms",
             member->client.serial, worker_kind, end->id, how,
             (entry.reaped_ns - member->started_ns) / 1000000);
}

static void reap_stopped(struct manager *m)
{
    struct worker_end end;
    struct running member;

    /* Also where nobody runs: as pid 1 of a container we adopt what others leave behind. */
    while (worker_reap(&end)) {
        if (running_remove(&m->running, end.id, &member))
            log_reaped(m, &end, &member);
    }
}

/* Closes the connection of a client that never ran. */
static void dismiss(struct manager *m, const struct pending *client, enum outcome outcome)
{
    const struct ledger_entry entry = {
        .client = client, .reaped_ns = io_now_ns(), .outcome = outcome};

    io_close(client->fd);
    m->accept_paused = false; /* a descriptor came free */
    account(m, &entry);
}

static void dismiss_abandoned(void *arg, const struct pending *client)
{
    dismiss(arg, client, OUTCOME_ABANDONED);
}

/* ---- accepting ---- */

static void enqueue(struct manager *m, struct pending *client)
{
    char text[PEER_TEXT_MAX];

    client->place = m->queue.count;
    pending_push(&m->queue, client);
    m->board.header->accepted++;
    m->board.changed = true;
    if (m->options->verbosity >= 1)
        log_line("server connected to client at %s", peer_format(&client->peer, text));
    decision(m, "client %" PRIu64 " queued, %s", client->serial, peer_format(&client->peer, text));
}

/* Those of this source who have left do not count. To look takes a system call for each of them, so
 * it may take a tenth of our time; whoever knocks without end gets no more of it. */
static void sweep_source(struct manager *m, const struct peer_address *source)
{
    int64_t began_ns = io_now_ns();

    if (began_ns < m->share_due_ns)
        return;
    size_t left = pending_sweep(&m->queue, source, dismiss_abandoned, m);
    if (left > 0)
        decision(m, "share used up, but %zu had left", left);
    int64_t now_ns = io_now_ns();
    m->share_due_ns = now_ns + 9 * (now_ns - began_ns);
}

/* Has the source of this client its share of the queue already? */
static bool is_over_share(struct manager *m, const struct pending *client)
{
    if (pending_from(&m->queue, client->source) < m->queue_share)
        return false;
    sweep_source(m, &client->source);
    return pending_from(&m->queue, client->source) >= m->queue_share;
}

/* One who is turned away cannot be left to the kernel's backlog, which is one line for everybody:
 * those behind it would have to wait for it. */
static void turn_away(struct manager *m, const struct pending *client, const char *why)
{
    char text[PEER_TEXT_MAX];

    io_close(client->fd);
    decision(m, "client %" PRIu64 " %s, %s", client->serial, why, peer_format(&client->peer, text));
}

static void admit(struct manager *m, struct pending *client)
{
    if (client->fd > m->highest_fd)
        m->highest_fd = client->fd;
    if (!admission_allows(&m->options->allowed, &client->peer))
        turn_away(m, client, "not allowed");
    else if (is_over_share(m, client))
        turn_away(m, client, "over its share");
    else
        enqueue(m, client);
}

static void accept_from(struct manager *m, int listen_fd)
{
    struct pending client;

    for (int i = 0; i < ACCEPT_BATCH && !pending_full(&m->queue); i++) {
        switch (acceptor_take(m->acceptor, listen_fd, &client)) {
        case ACCEPT_CLIENT:
            admit(m, &client);
            break;
        case ACCEPT_LOST:
            break;
        case ACCEPT_NONE:
            return;
        case ACCEPT_STARVED:
            decision(m, "accepting paused: %s", strerror(errno));
            m->accept_paused = true;
            return;
        }
    }
}

/* ---- sleeping ---- */

/* Reads one signal: SIGHUP reopens the ledger; returns true for those that stop us. */
static bool stop_requested(struct manager *m)
{
    struct signalfd_siginfo info;

    if (read(m->stop_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    if (info.ssi_signo != SIGHUP)
        return true;
    decision(m, "reopening the ledger");
    ledger_reopen(&m->ledger);
    return false;
}

enum { SLOT_STOP, SLOT_WAKE, SLOT_LISTEN, SLOTS = SLOT_LISTEN + ACCEPTOR_LISTENERS_MAX };

/* The poll set says the policy (poll(2) passes over an fd of -1):
 * 1. a stop signal is always heard;
 * 2. workers that end wake us, unless --tick-only;
 * 3. clients are taken in while there is a place for them and a descriptor. */
static size_t fill_poll_set(const struct manager *m, struct pollfd slots[SLOTS])
{
    bool accepting = !pending_full(&m->queue) && !m->accept_paused;

    slots[SLOT_STOP] = (struct pollfd){.fd = m->stop_fd, .events = POLLIN};
    slots[SLOT_WAKE] =
        (struct pollfd){.fd = m->options->tick_only ? -1 : m->wake_fd, .events = POLLIN};
    for (size_t i = 0; i < m->acceptor->count; i++)
        slots[SLOT_LISTEN + i] =
            (struct pollfd){.fd = accepting ? m->acceptor->listen_fds[i] : -1, .events = POLLIN};
    return SLOT_LISTEN + m->acceptor->count;
}

/* Sleeps until one of the poll set is ready, `timeout_ms` at most, and takes in what came. */
static void sleep_once(struct manager *m, int timeout_ms)
{
    struct pollfd slots[SLOTS];
    size_t count = fill_poll_set(m, slots);

    m->accept_paused = false;
    if (poll(slots, (nfds_t)count, timeout_ms) <= 0)
        return;
    if (slots[SLOT_STOP].revents != 0)
        m->stopping = stop_requested(m);
    if (slots[SLOT_WAKE].revents != 0)
        worker_wake_clear(m->wake_fd);
    for (size_t i = SLOT_LISTEN; i < count; i++)
        if (slots[i].revents != 0)
            accept_from(m, slots[i].fd);
}

/* How long to sleep: until the board's file is to be written again, `most_ms` at most. */
static int keep_board(struct manager *m, int64_t most_ms)
{
    return board_keep_up(&m->board, &m->running, &m->queue, (int)most_ms);
}

/* Where nobody more can come in, those who have left make room: once a tick, since it takes a
 * system call for each who waits. */
static void sweep_full_queue(struct manager *m)
{
    if (!pending_full(&m->queue) || io_now_ms() < m->sweep_due_ms)
        return;
    m->sweep_due_ms = io_now_ms() + TICK_MS;
    size_t left = pending_sweep(&m->queue, NULL, dismiss_abandoned, m);
    if (left > 0)
        decision(m, "queue full, but %zu had left", left);
}

/* Sleeps until something happens, `timeout_ms` at most. With --tick-only, for that long whatever
 * happens, a stop signal excepted: clients are accepted meanwhile, but nobody looks at them. */
static void wait_for_event(struct manager *m, int timeout_ms)
{
    int64_t until_ms = io_now_ms() + timeout_ms;
    int64_t left_ms = timeout_ms;

    sweep_full_queue(m);
    do {
        log_catch_up();
        sleep_once(m, keep_board(m, left_ms));
        left_ms = until_ms - io_now_ms();
    } while (m->options->tick_only && !m->stopping && left_ms > 0);
}

/* ---- starting ---- */

/* Sets *place to the first in line who may run, forgetting on the way those who have left. One
 * whose source has its share already keeps its place and is passed over. */
static bool choose_next(struct manager *m, size_t *place)
{
    size_t share = m->options->per_source;

    for (*place = 0; *place < m->queue.count;) {
        struct pending *client = pending_at(&m->queue, *place);
        if (share > 0 && running_from(&m->running, client->source) >= share) {
            (*place)++;
            continue;
        }
        if (!pending_has_left(client))
            return true;
        decision(m, "client %" PRIu64 " had left", client->serial);
        dismiss(m, client, OUTCOME_ABANDONED);
        pending_remove(&m->queue, *place);
    }
    return false;
}

/* Gives the next client in line a worker. Returns false where nobody could be started: none of them
 * may run at the moment, or there is no worker to be had; then they keep their places. */
static bool start_next(struct manager *m)
{
    size_t place;

    if (!choose_next(m, &place))
        return false;
    struct running member = {
        .client = *pending_at(&m->queue, place),
        .beside = m->running.count + 1,
        .slot = running_free_slot(&m->running),
    };
    memset(board_report(&m->board, member.slot), 0, sizeof(struct report));
    member.started_ns = io_now_ns();
    member.id = worker_start(&member.client, member.slot, m->highest_fd);
    if (member.id < 0) {
        if (!m->short_of_workers)
            log_error("cannot start a worker: %s; clients wait", strerror(errno));
        m->short_of_workers = true;
        return false;
    }
    m->short_of_workers = false;
    m->accept_paused = false; /* the worker took a descriptor over */
    pending_remove(&m->queue, place);
    running_add(&m->running, &member);
    m->board.changed = true;
    decision(m, "client %" PRIu64 " started, %s %" PRId64 ", waited %" PRId64 " ms",
             member.client.serial, worker_kind, member.id,
             (member.started_ns - member.client.accepted_ns) / 1000000);
    return true;
}

/* ---- stopping ---- */

/* Lets workers end for `timeout_ms`. Returns true when none is left; false when the time is up or
 * another stop signal came. */
static bool wait_for_workers(struct manager *m, int timeout_ms)
{
    struct pollfd slots[] = {{.fd = m->stop_fd, .events = POLLIN},
                             {.fd = m->wake_fd, .events = POLLIN}};
    int64_t until_ms = io_now_ms() + timeout_ms;

    for (;;) {
        reap_stopped(m);
        log_catch_up();
        int64_t left_ms = until_ms - io_now_ms();
        if (m->running.count == 0 || left_ms <= 0)
            return m->running.count == 0;
        if (poll(slots, 2, keep_board(m, left_ms < TICK_MS ? left_ms : TICK_MS)) <= 0)
            continue;
        if (slots[0].revents != 0 && stop_requested(m))
            return false;
        if (slots[1].revents != 0)
            worker_wake_clear(m->wake_fd);
    }
}

static void stop_running(struct manager *m, bool forcibly)
{
    decision(m, "%s the clients that still run", forcibly ? "killing" : "ending");
    m->ending = true;
    for (size_t i = 0; i < m->running.count; i++)
        worker_stop(m->running.members[i].id, forcibly);
}

static void shut_down(struct manager *m)
{
    decision(m, "stopping");
    acceptor_close(m->acceptor);
    for (; !pending_empty(&m->queue); pending_remove(&m->queue, 0))
        dismiss(m, pending_at(&m->queue, 0), OUTCOME_SHUTDOWN);
    if (wait_for_workers(m, m->options->grace_ms))
        return;
    stop_running(m, false);
    if (wait_for_workers(m, FORCE_AFTER_MS))
        return;
    stop_running(m, true);
    (void)wait_for_workers(m, GIVE_UP_AFTER_MS);
}

/* ---- the loop ---- */

void manager_run(struct manager *m)
{
    while (!m->stopping) {
        reap_stopped(m);
        if (pending_empty(&m->queue)) /* nobody waits */
            wait_for_event(m, TICK_MS);
        else if (running_full(&m->running)) /* no room */
            wait_for_event(m, TICK_MS);
        else if (!start_next(m)) /* pop, start, add to the running set; or nobody may run */
            wait_for_event(m, TICK_MS);
    }
    shut_down(m);
    board_write(&m->board, &m->running, &m->queue); /* the end, for who looks then */
}

int manager_init(struct manager *m, const struct options *options, struct acceptor *acceptor,
                 int wake_fd)
{
    sigset_t stop_signals;

    *m = (struct manager){
        .options = options,
        .acceptor = acceptor,
        .wake_fd = wake_fd,
        .stop_fd = -1,
        .highest_fd = io_highest_fd(),
        .ledger = {.dir_fd = -1, .fd = -1},
    };
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGTERM);
    sigaddset(&stop_signals, SIGINT);
    if (options->ledger != NULL)
        sigaddset(&stop_signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &stop_signals, NULL) < 0)
        return -1;
    m->stop_fd = signalfd(-1, &stop_signals, SFD_NONBLOCK | SFD_CLOEXEC);
    return m->stop_fd < 0 ? -1 : 0;
}

/* How many places of the queue one source may have. A quarter leaves room for three more like it;
 * but never fewer than may run at once, or some of a burst would be turned away who need not have
 * waited. */
static size_t queue_share(const struct options *options)
{
    size_t quarter = options->max_pending / 4;
    size_t at_once =
        options->per_source < options->max_running ? options->per_source : options->max_running;

    if (options->per_source == 0)
        return options->max_pending;
    return quarter > at_once ? quarter : at_once;
}

int manager_open_board(struct manager *m)
{
    const struct options *options = m->options;
    int outcome = board_init(&m->board, options->board, &m->running, &m->queue,
                             options->max_running, options->max_pending);

    m->queue_share = queue_share(options);
    if (outcome == 0 && options->per_source > 0)
        outcome = sources_init(&m->queue.sources, m->queue.capacity);
    if (outcome < 0)
        return outcome;
    m->board.header->port = m->acceptor->port;
    board_write(&m->board, &m->running, &m->queue);
    return 0;
}

void manager_free(struct manager *m)
{
    io_close(m->stop_fd);
    ledger_close(&m->ledger);
    sources_free(&m->queue.sources);
    board_free(&m->board);
}
