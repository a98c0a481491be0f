/* queue_model.c - does the queue with its index choose whom a search would choose, and look at none
 * whom it passes over?
 *
 * Used by: test/queue_model.bats, as build/test/queue_model. Linked with the manager's pending.o.
 * Usage:   queue_model same STEPS
 *             for several limits, STEPS random steps each, beside a plain list that is searched
 *             from its beginning: after every step both have the same clients in the same order,
 *             and the same one is next
 *          queue_model untouched
 *             10,000 who are passed over lie in memory that cannot be read, while others come, are
 *             served, leave and are turned away
 * Prints:  what it has done, or what was wrong (stderr)
 * Exit:    0 all went well, 1 something did not, 2 wrong usage. */
#include "manager/pending.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WENT_WELL = 0, WENT_WRONG = 1, WRONG_USAGE = 2 };
enum { MOST = 300, CROWD = 10000 };

static int here_fd, gone_fd; /* a connection whose other end is there, and one whose is not */
static unsigned long step;

static void make_connections(void)
{
    int here[2], gone[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, here) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, gone) != 0) {
        perror("queue_model: socketpair");
        exit(WENT_WRONG);
    }
    close(gone[1]);
    here_fd = here[0];
    gone_fd = gone[0];
}

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "queue_model: step %lu: %s\n", step, what);
    exit(WENT_WRONG);
}

static struct pending client_from(unsigned source, uint64_t serial)
{
    struct pending client = {.fd = here_fd, .stay.serial = serial};

    memcpy(client.source.bytes, &source, sizeof source);
    return client;
}

static void start_queue(struct pending_queue *queue, const struct pending_limits *limits)
{
    if (pending_init(queue, limits) != 0) {
        perror("queue_model: pending_init");
        exit(WENT_WRONG);
    }
}

/* ---- same ---- */

static struct model {
    struct pending waiting[MOST], running[MOST];
    size_t waiting_count, running_count;
    uint64_t serial;
} model;

static unsigned below(size_t bound)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (unsigned)((state >> 33) % bound);
}

static size_t count_of(const struct pending *clients, size_t count, struct peer_address source)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += peer_address_equal(clients[i].source, source);
    return found;
}

static void take_away(struct pending *clients, size_t *count, size_t at)
{
    (*count)--;
    memmove(&clients[at], &clients[at + 1], (*count - at) * sizeof *clients);
}

/* The place of the first who may run, or how many wait. */
static size_t search(const struct pending_limits *limits)
{
    size_t at = 0, share = limits->running_of_source;
    while (share > 0 && at < model.waiting_count &&
           count_of(model.running, model.running_count, model.waiting[at].source) >= share)
        at++;
    return at;
}

static struct pending *nth(const struct pending_queue *queue, size_t at)
{
    struct pending *client = pending_first(queue);
    while (at-- > 0)
        client = pending_after(client);
    return client;
}

static void compare(struct pending_queue *queue)
{
    const struct pending *client = pending_first(queue), *chosen = pending_choose(queue);
    size_t next = search(&queue->limits);

    check(queue->count == model.waiting_count, "another number of clients");
    for (size_t i = 0; i < model.waiting_count; i++, client = pending_after(client))
        check(client != NULL && client->stay.serial == model.waiting[i].stay.serial,
              "another order");
    check(client == NULL, "somebody behind the last one");
    check((chosen == NULL) == (next == model.waiting_count), "somebody may run, or nobody");
    check(chosen == NULL || chosen->stay.serial == model.waiting[next].stay.serial,
          "somebody else is next");
}

static void come(struct pending_queue *queue, unsigned sources)
{
    struct pending client = client_from(below(sources), ++model.serial);
    size_t share = queue->limits.waiting_of_source;
    bool over = share > 0 && count_of(model.waiting, model.waiting_count, client.source) >= share;

    check(pending_over_share(queue, client.source) == over, "another share of the queue");
    check(pending_full(queue) == (model.waiting_count == queue->limits.waiting), "another room");
    if (over || pending_full(queue))
        return;
    pending_push(queue, &client);
    model.waiting[model.waiting_count++] = client;
}

/* The one whose turn it is gets a worker, or is forgotten because it has left. */
static void be_next(struct pending_queue *queue)
{
    struct pending *client = pending_choose(queue);
    size_t at = search(&queue->limits);

    if (client == NULL || model.running_count == queue->limits.running)
        return;
    check(pending_has_left(client) == (model.waiting[at].fd == gone_fd), "has left, or has not");
    if (client->fd == gone_fd) {
        pending_remove(queue, client);
    } else {
        model.running[model.running_count++] = *client;
        pending_started(queue, client);
    }
    take_away(model.waiting, &model.waiting_count, at);
}

static void end(struct pending_queue *queue)
{
    if (model.running_count == 0)
        return;
    size_t at = below(model.running_count);
    pending_ended(queue, model.running[at].source);
    take_away(model.running, &model.running_count, at);
}

/* Somewhere in the line; nobody notices yet, or somebody takes it out at once. */
static void go(struct pending_queue *queue, bool noticed)
{
    if (model.waiting_count == 0)
        return;
    size_t at = below(model.waiting_count);
    if (noticed) {
        pending_remove(queue, nth(queue, at));
        take_away(model.waiting, &model.waiting_count, at);
    } else {
        nth(queue, at)->fd = gone_fd;
        model.waiting[at].fd = gone_fd;
    }
}

static void swept(void *arg, const struct pending *client)
{
    (void)arg;
    check(client->fd == gone_fd, "swept, but it is there");
}

static void sweep(struct pending_queue *queue, const struct peer_address *source)
{
    size_t before = model.waiting_count, at = 0, left;

    if (queue->limits.running_of_source == 0) /* then they are one */
        source = NULL;
    queue->sweep_due_ns = 0;
    left = source == NULL ? pending_sweep(queue, swept, NULL)
                          : pending_sweep_source(queue, *source, swept, NULL);
    while (at < model.waiting_count)
        if (model.waiting[at].fd == gone_fd &&
            (source == NULL || peer_address_equal(model.waiting[at].source, *source)))
            take_away(model.waiting, &model.waiting_count, at);
        else
            at++;
    check(left == before - model.waiting_count, "another number swept");
}

/* `busy`: of ten steps so many bring somebody; the queue fills, or stays almost empty. */
static void take_step(struct pending_queue *queue, unsigned sources, unsigned busy)
{
    struct pending somebody = client_from(below(sources), 0);

    if (below(10) < busy) {
        come(queue, sources);
        return;
    }
    switch (below(10)) {
    case 0:
        go(queue, true);
        break;
    case 1:
        go(queue, false);
        break;
    case 2:
        if (below(10) == 0)
            sweep(queue, NULL);
        else
            sweep(queue, &somebody.source);
        break;
    case 3:
    case 4:
    case 5:
        end(queue);
        break;
    default:
        be_next(queue);
    }
}

static void be_same(const struct pending_limits *limits, unsigned sources, unsigned long steps)
{
    struct pending_queue queue;

    model.waiting_count = model.running_count = 0;
    start_queue(&queue, limits);
    for (step = 0; step < steps; step++) {
        /* Times when many come, and times when few do. */
        take_step(&queue, sources, step / 500 % 2 == 0 ? 7 : 3);
        compare(&queue);
    }
    while (!pending_empty(&queue))
        pending_remove(&queue, pending_first(&queue));
    model.waiting_count = 0;
    while (model.running_count > 0)
        end(&queue);
    compare(&queue);
    check(queue.turns.count == 0, "nobody waits, but somebody's turn it is");
    pending_free(&queue);
}

static void be_same_everywhere(unsigned long steps)
{
    /* places, MAX, of the queue for one source, at once for one source */
    static const struct pending_limits limits[] = {
        {1, 1, 1, 1},     {5, 2, 0, 0},    {8, 3, 2, 1},     {40, 5, 10, 1},
        {40, 5, 10, 2},   {40, 5, 40, 3},  {40, 5, 10, 10},  {200, 1, 50, 1},
        {200, 20, 50, 4}, {200, 20, 0, 0}, {300, 300, 75, 1}};
    static const unsigned sources[] = {1, 2, 3, 10, 1000};

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        for (size_t k = 0; k < sizeof sources / sizeof sources[0]; k++)
            be_same(&limits[i], sources[k], steps);
    printf("the same\n");
}

/* ---- untouched ---- */

/* The whole pages between two records; what is in them can be read, or cannot. */
static void protect(const struct pending *from, const struct pending *to, int how)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *begin = (char *)from, *behind = (char *)to;

    begin += (page - (uintptr_t)begin % page) % page;
    behind -= (uintptr_t)behind % page;
    check(begin < behind && mprotect(begin, (size_t)(behind - begin), how) == 0, "mprotect");
}

static void serve(struct pending_queue *queue, uint64_t expected)
{
    struct pending *client = pending_choose(queue);

    check(client != NULL && client->stay.serial == expected, "somebody else is next");
    pending_started(queue, client);
}

/* Client 1 runs and all others of its source wait behind it. What happens to the rest of the world
 * happens a thousand times; in between the source has its turn, too. */
static void be_untouched(void)
{
    static const struct pending_limits limits = {4UL * CROWD, 8, CROWD, 1};
    struct pending_queue queue;
    uint64_t serial = 1, first = 1;
    struct pending client = client_from(1, serial);

    start_queue(&queue, &limits);
    for (; serial <= CROWD + 1; serial++) {
        client = client_from(1, serial);
        pending_push(&queue, &client);
        if (serial == 1)
            serve(&queue, first);
    }
    check(pending_over_share(&queue, client.source), "under its share");
    /* The first ones will be served, and the last one gets somebody behind it. */
    const struct pending *from = nth(&queue, CROWD / 10), *to = nth(&queue, CROWD - 100);
    protect(from, to, PROT_NONE);
    for (step = 0; step < 1000; step++) {
        unsigned other = 2 + (unsigned)step % 7;
        client = client_from(other, serial);
        pending_push(&queue, &client);
        serve(&queue, serial++);
        client = client_from(other, serial++);
        pending_push(&queue, &client);
        check(pending_choose(&queue) == NULL, "somebody may run");
        check(pending_sweep_source(&queue, client.source, swept, NULL) == 0, "somebody was swept");
        pending_ended(&queue, client.source);
        check(pending_choose(&queue)->stay.serial == client.stay.serial, "somebody else is next");
        pending_remove(&queue, pending_choose(&queue));
        if (step % 2 == 0) {
            pending_ended(&queue, client_from(1, 0).source);
            serve(&queue, ++first);
        }
    }
    protect(from, to, PROT_READ | PROT_WRITE);
    pending_free(&queue);
    printf("untouched\n");
}

int main(int argc, char *argv[])
{
    make_connections();
    if (argc == 3 && strcmp(argv[1], "same") == 0)
        be_same_everywhere(strtoul(argv[2], NULL, 10));
    else if (argc == 2 && strcmp(argv[1], "untouched") == 0)
        be_untouched();
    else
        return WRONG_USAGE;
    return WENT_WELL;
}
