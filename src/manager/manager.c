/* manager.c - the loop that decides who is served when.
 *
 * Runs in: the parent, which is this one loop and has a single thread. manager_run() is the
 *          lab's pseudocode; start reading there. */
#include "manager/manager.h"

#include "common/io.h"
#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,         /* the lab's second: the longest the loop sleeps */
    FORCE_AFTER_MS = 1000,  /* from a worker's SIGTERM to its SIGKILL */
    GIVE_UP_AFTER_MS = 1000 /* from its SIGKILL to leaving without it */
};

/* ---- reaping ---- */

static void reap_stopped(struct manager *m)
{
    struct worker_end end;
    struct pending client;

    int64_t now_ms = io_now_ms();

    /* Nobody has ended, as far as we were told, and we have not been told for less than a second.
     */
    if (!m->reap_due && now_ms < m->reap_by_ms)
        return;
    m->reap_due = false;
    m->reap_by_ms = now_ms + TICK_MS;
    /* Also where nobody runs: as pid 1 of a container we adopt what others leave behind. */
    while (worker_reap(&end)) {
        if (running_remove(&m->running, end.id, &client)) {
            pending_ended(&m->queue, client.source);
            record_ended(m->record, &client.stay,
                         (struct ending){end.signal, end.status == WORKER_UNCONFINED, m->ending});
        }
    }
}

/* ---- accepting ---- */

static void enqueue(struct manager *m, struct pending *client)
{
    client->stay.place = m->queue.count;
    pending_push(&m->queue, client);
    record_queued(m->record, &client->stay);
}

/* Closes the connection of a client that has no worker. */
static void hang_up(struct manager *m, const struct pending *client)
{
    io_close(client->fd);
    m->accept_paused = false; /* a descriptor came free */
}

static void dismiss_swept(void *arg, const struct pending *client)
{
    struct manager *m = arg;

    hang_up(m, client);
    record_left(m->record, &client->stay, true);
}

/* Has the source of this client its share of the queue already? Those who have left do not count.
 */
static bool is_over_share(struct manager *m, const struct pending *client)
{
    if (!pending_over_share(&m->queue, client->source))
        return false;
    record_swept(m->record, "share used up",
                 pending_sweep_source(&m->queue, client->source, dismiss_swept, m));
    return pending_over_share(&m->queue, client->source);
}

/* One who is turned away cannot be left to the kernel's backlog, which is one line for everybody:
 * those behind it would have to wait for it. */
static void turn_away(struct manager *m, const struct pending *client, const char *why)
{
    hang_up(m, client);
    record_turned_away(m->record, &client->stay, why);
}

static void admit(struct manager *m, struct pending *client)
{
    if (client->fd > m->highest_fd)
        m->highest_fd = client->fd;
    client->source = peer_source(&client->stay.client);
    if (!admission_allows(&m->policy->allowed, &client->stay.client))
        turn_away(m, client, "not allowed");
    else if (is_over_share(m, client))
        turn_away(m, client, "over its share");
    else
        enqueue(m, client);
}

/* One client, since one is there; poll(2) tells of the next one for less than an accept(2) that
 * finds nobody. */
static void accept_from(struct manager *m, size_t listener)
{
    struct pending client;

    if (pending_full(&m->queue)) /* by those of another listener */
        return;
    switch (acceptor_take(m->acceptor, &m->acceptor->listeners[listener], &client)) {
    case ACCEPT_CLIENT:
        m->next_listener = listener + 1;
        admit(m, &client);
        break;
    case ACCEPT_LOST:
    case ACCEPT_NONE:
        break;
    case ACCEPT_STARVED:
        record_paused(m->record, errno);
        m->accept_paused = true;
        break;
    }
}

/* From each listener where somebody is, `slots` says. The one after that which had the last client
 * taken in begins: where there is a place for one, all have it in turn. */
static void accept_clients(struct manager *m, const struct pollfd *slots)
{
    const size_t count = m->acceptor->count, first = m->next_listener;

    for (size_t i = 0; i < count; i++) {
        const size_t listener = (first + i) % count;
        if (slots[listener].revents != 0)
            accept_from(m, listener);
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
    record_reopen(m->record);
    return false;
}

/* A worker has ended. */
static void heed_wake(struct manager *m)
{
    worker_wake_clear(m->wake_fd);
    m->reap_due = true;
}

enum { SLOT_STOP, SLOT_WAKE, SLOT_LISTEN, SLOTS = SLOT_LISTEN + ACCEPTOR_LISTENERS_MAX };

/* The poll set says the policy (poll(2) passes over an fd of -1):
 * 1. a stop signal is always heard;
 * 2. workers that end wake us, unless --tick-only;
 * 3. clients are taken in while there is a place for them and a descriptor. */
static size_t fill_poll_set(const struct manager *m, struct pollfd slots[SLOTS])
{
    const struct acceptor *acceptor = m->acceptor;
    bool accepting = !pending_full(&m->queue) && !m->accept_paused;

    slots[SLOT_STOP] = (struct pollfd){.fd = m->stop_fd, .events = POLLIN};
    slots[SLOT_WAKE] =
        (struct pollfd){.fd = m->policy->tick_only ? -1 : m->wake_fd, .events = POLLIN};
    for (size_t i = 0; i < acceptor->count; i++)
        slots[SLOT_LISTEN + i] =
            (struct pollfd){.fd = accepting ? acceptor->listeners[i].fd : -1, .events = POLLIN};
    return SLOT_LISTEN + acceptor->count;
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
        heed_wake(m);
    accept_clients(m, slots + SLOT_LISTEN);
}

static void show(struct manager *m)
{
    const struct pending *client = pending_first(&m->queue);

    if (!record_begin_look(m->record))
        return;
    for (size_t i = 0; i < m->running.count; i++)
        record_show_running(m->record, &m->running.members[i].stay);
    while (client != NULL && record_show_waiting(m->record, &client->stay))
        client = pending_after(client);
    record_end_look(m->record);
}

/* Shows who runs and who waits where it is time to. Returns how long to sleep until it is time
 * again, `most_ms` at most. */
static int keep_record(struct manager *m, int64_t most_ms)
{
    if (record_is_due(m->record))
        show(m);
    return record_due_in(m->record, (int)most_ms);
}

/* Where nobody more can come in, those who have left make room: once a tick, since it takes a
 * system call for each who waits. */
static void sweep_full_queue(struct manager *m)
{
    if (!pending_full(&m->queue) || io_now_ms() < m->sweep_due_ms)
        return;
    m->sweep_due_ms = io_now_ms() + TICK_MS;
    record_swept(m->record, "queue full", pending_sweep(&m->queue, dismiss_swept, m));
}

/* Sleeps until something happens, `timeout_ms` at most, or to the moment at which workers are
 * looked at whatever we were told. With --tick-only, for that long whatever happens, a stop signal
 * excepted: clients are accepted meanwhile, but nobody looks at them. */
static void wait_for_event(struct manager *m, int timeout_ms)
{
    int64_t now_ms = io_now_ms(), until_ms = now_ms + timeout_ms;

    if (!m->policy->tick_only && m->reap_by_ms < until_ms)
        until_ms = m->reap_by_ms > now_ms ? m->reap_by_ms : now_ms;
    int64_t left_ms = until_ms - now_ms;
    sweep_full_queue(m);
    do {
        log_catch_up();
        sleep_once(m, keep_record(m, left_ms));
        left_ms = until_ms - io_now_ms();
    } while (m->policy->tick_only && !m->stopping && left_ms > 0);
}

/* ---- starting ---- */

/* The first in line who may run; those who have left are forgotten on the way. One whose source has
 * its share already keeps its place and is passed over. NULL where nobody may run. */
static struct pending *choose_next(struct manager *m)
{
    struct pending *client;

    while ((client = pending_choose(&m->queue)) != NULL && pending_has_left(client)) {
        hang_up(m, client);
        record_left(m->record, &client->stay, false);
        pending_remove(&m->queue, client);
    }
    return client;
}

/* Gives the next client in line a worker. Returns false where nobody could be started: none of them
 * may run at the moment, or there is no worker to be had; then they keep their places. */
static bool start_next(struct manager *m)
{
    struct pending *next = choose_next(m);

    if (next == NULL)
        return false;
    struct pending client = *next; /* a child has the queue no more */
    client.stay.slot = running_free_slot(&m->running);
    client.stay.beside = m->running.count + 1;
    client.stay.started_ns = io_now_ns();
    client.stay.worker = worker_start(&client, m->queue.count, m->highest_fd);
    if (client.stay.worker < 0) {
        record_no_worker(m->record, errno);
        return false;
    }
    m->accept_paused = false; /* the worker took a descriptor over */
    pending_started(&m->queue, next);
    running_add(&m->running, &client);
    record_started(m->record, &client.stay);
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
        m->reap_due = true;
        reap_stopped(m);
        log_catch_up();
        int64_t left_ms = until_ms - io_now_ms();
        if (m->running.count == 0 || left_ms <= 0)
            return m->running.count == 0;
        if (poll(slots, 2, keep_record(m, left_ms < TICK_MS ? left_ms : TICK_MS)) <= 0)
            continue;
        if (slots[0].revents != 0 && stop_requested(m))
            return false;
        if (slots[1].revents != 0)
            worker_wake_clear(m->wake_fd);
    }
}

static void stop_running(struct manager *m, bool forcibly)
{
    record_note(m->record, forcibly ? "killing the clients that still run"
                                    : "ending the clients that still run");
    m->ending = true;
    for (size_t i = 0; i < m->running.count; i++)
        worker_stop(m->running.members[i].stay.worker, forcibly);
}

static void shut_down(struct manager *m)
{
    record_note(m->record, "stopping");
    acceptor_close(m->acceptor);
    for (struct pending *client; (client = pending_first(&m->queue)) != NULL;) {
        hang_up(m, client);
        record_sent_away(m->record, &client->stay);
        pending_remove(&m->queue, client);
    }
    if (wait_for_workers(m, m->policy->grace_ms))
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
    show(m); /* the end, for who looks then */
}

/* How many places of the queue one source may have; 0: all. A quarter leaves room for three more
 * like it; but never fewer than may run at once, or some of a burst would be turned away who need
 * not have waited. */
static size_t queue_share(const struct policy *policy)
{
    size_t quarter = policy->max_pending / 4;
    size_t at_once =
        policy->per_source < policy->max_running ? policy->per_source : policy->max_running;

    if (policy->per_source == 0)
        return 0;
    return quarter > at_once ? quarter : at_once;
}

int manager_init(struct manager *m, const struct policy *policy, struct acceptor *acceptor,
                 struct record *record, int stop_fd, int wake_fd)
{
    *m = (struct manager){
        .policy = policy,
        .acceptor = acceptor,
        .record = record,
        .stop_fd = stop_fd,
        .wake_fd = wake_fd,
        .highest_fd = io_highest_fd(),
    };
    struct pending_limits limits = {
        .waiting = policy->max_pending,
        .running = policy->max_running,
        .waiting_of_source = queue_share(policy),
        .running_of_source = policy->per_source,
    };
    if (pending_init(&m->queue, &limits) < 0 || running_init(&m->running, policy->max_running) < 0)
        return -1;
    show(m); /* that there is nobody yet */
    return 0;
}

void manager_free(struct manager *m)
{
    running_free(&m->running);
    pending_free(&m->queue);
}
