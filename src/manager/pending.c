/* pending.c - the clients that wait for their turn: a bounded first-in first-out queue.
 *
 * Runs in: the parent. All room is made at the start; nothing is allocated for a client. */
#include "manager/pending.h"

#include "common/io.h"
#include "common/memory.h"

#include <errno.h>

enum { IN_QUEUE, OF_SOURCE, LINES };

struct place {
    struct pending client; /* at the beginning, so that a pointer to one leads to the other */
    struct source *source;
    uint64_t turn; /* the lower, the sooner */
    struct {
        struct place *before, *behind;
    } in[LINES]; /* who is next to it in each */
};

/* ---- lines ---- */

static void join(struct line *line, struct place *place, int which)
{
    struct place *last = line->last;

    place->in[which].before = last;
    place->in[which].behind = NULL;
    *(last != NULL ? &last->in[which].behind : &line->first) = place;
    line->last = place;
}

static void leave(struct line *line, struct place *place, int which)
{
    struct place *before = place->in[which].before, *behind = place->in[which].behind;

    *(before != NULL ? &before->in[which].behind : &line->first) = behind;
    *(behind != NULL ? &behind->in[which].before : &line->last) = before;
}

/* ---- the queue ---- */

static bool is_told_apart(const struct pending_queue *queue)
{
    return queue->limits.running_of_source > 0;
}

int pending_init(struct pending_queue *queue, const struct pending_limits *limits)
{
    void *places = memory_private(limits->waiting * sizeof(struct place));

    *queue = (struct pending_queue){.limits = *limits, .places = places};
    if (places == NULL || turns_init(&queue->turns, is_told_apart(queue) ? limits->waiting : 1) < 0)
        return -1;
    return is_told_apart(queue) ? sources_init(&queue->sources, limits->waiting + limits->running)
                                : 0;
}

void pending_free(struct pending_queue *queue)
{
    sources_free(&queue->sources);
    turns_free(&queue->turns);
    memory_free(queue->places, queue->limits.waiting * sizeof(struct place));
    queue->places = NULL;
}

bool pending_empty(const struct pending_queue *queue)
{
    return queue->count == 0;
}

bool pending_full(const struct pending_queue *queue)
{
    return queue->count == queue->limits.waiting;
}

/* NULL: nobody waits or runs from there. */
static struct source *find_source(struct pending_queue *queue, struct peer_address address)
{
    return is_told_apart(queue) ? sources_find(&queue->sources, address) : &queue->everyone;
}

static struct place *place_of(const struct pending *client)
{
    return (struct place *)client;
}

static struct pending *client_at(struct place *place)
{
    return place != NULL ? &place->client : NULL;
}

struct pending *pending_first(const struct pending_queue *queue)
{
    return client_at(queue->line.first);
}

struct pending *pending_after(const struct pending *client)
{
    return client_at(place_of(client)->in[IN_QUEUE].behind);
}

struct pending *pending_choose(const struct pending_queue *queue)
{
    const struct source *source = turns_first(&queue->turns);

    return source != NULL ? client_at(source->line.first) : NULL;
}

/* After every change: whether the source takes part, and as whom, is told by what it is now. */
static void settle(struct pending_queue *queue, struct source *source)
{
    size_t share = queue->limits.running_of_source;

    if (source->waiting > 0)
        source->turn = source->line.first->turn;
    turns_settle(&queue->turns, source,
                 source->waiting > 0 && (share == 0 || source->running < share));
    if (share > 0 && source->waiting == 0 && source->running == 0)
        sources_forget(&queue->sources, source);
}

static struct place *take_place(struct pending_queue *queue)
{
    struct place *place = queue->free;

    if (place == NULL)
        return &queue->places[queue->used++];
    queue->free = place->in[IN_QUEUE].behind;
    return place;
}

void pending_push(struct pending_queue *queue, const struct pending *client)
{
    struct place *place = take_place(queue);

    place->client = *client;
    place->turn = queue->next_turn++;
    place->source =
        is_told_apart(queue) ? sources_get(&queue->sources, client->source) : &queue->everyone;
    join(&queue->line, place, IN_QUEUE);
    join(&place->source->line, place, OF_SOURCE);
    queue->count++;
    place->source->waiting++;
    settle(queue, place->source);
}

static void give_up_place(struct pending_queue *queue, struct place *place)
{
    leave(&queue->line, place, IN_QUEUE);
    leave(&place->source->line, place, OF_SOURCE);
    queue->count--;
    place->source->waiting--;
    settle(queue, place->source);
    place->in[IN_QUEUE].behind = queue->free;
    queue->free = place;
}

void pending_remove(struct pending_queue *queue, struct pending *client)
{
    give_up_place(queue, place_of(client));
}

void pending_started(struct pending_queue *queue, struct pending *client)
{
    place_of(client)->source->running++;
    give_up_place(queue, place_of(client));
}

void pending_ended(struct pending_queue *queue, struct peer_address address)
{
    struct source *source = find_source(queue, address);

    if (source == NULL)
        return;
    source->running--;
    settle(queue, source);
}

bool pending_has_left(const struct pending *client)
{
    char byte;
    ssize_t got = recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

bool pending_over_share(struct pending_queue *queue, struct peer_address address)
{
    const struct source *source = find_source(queue, address);
    size_t share = queue->limits.waiting_of_source;

    return share > 0 && source != NULL && source->waiting >= share;
}

/* ---- those who have left ---- */

static size_t sweep(struct pending_queue *queue, struct place *first, int which,
                    void (*on_left)(void *arg, const struct pending *client), void *arg)
{
    size_t before = queue->count;

    for (struct place *place = first, *behind; place != NULL; place = behind) {
        behind = place->in[which].behind;
        if (!pending_has_left(&place->client))
            continue;
        on_left(arg, &place->client);
        give_up_place(queue, place);
    }
    return before - queue->count;
}

size_t pending_sweep(struct pending_queue *queue,
                     void (*on_left)(void *arg, const struct pending *client), void *arg)
{
    return sweep(queue, queue->line.first, IN_QUEUE, on_left, arg);
}

size_t pending_sweep_source(struct pending_queue *queue, struct peer_address address,
                            void (*on_left)(void *arg, const struct pending *client), void *arg)
{
    const struct source *source = find_source(queue, address);
    int64_t began_ns = io_now_ns();

    if (source == NULL || began_ns < queue->sweep_due_ns)
        return 0;
    size_t left = sweep(queue, source->line.first, OF_SOURCE, on_left, arg);
    int64_t now_ns = io_now_ns();
    queue->sweep_due_ns = now_ns + 9 * (now_ns - began_ns);
    return left;
}
