/* pending.c - the clients that wait for their turn: a bounded first-in first-out queue.
 *
 * Runs in: the parent. All room is made at the start; nothing is allocated for a client. */
#include "manager/pending.h"

#include "common/io.h"
#include "common/memory.h"

#include <errno.h>

int pending_init(struct pending_queue *queue, size_t capacity, size_t share)
{
    *queue = (struct pending_queue){.ring = memory_private(capacity * sizeof *queue->ring),
                                    .capacity = capacity,
                                    .share = share};
    if (queue->ring == NULL)
        return -1;
    return share > 0 ? sources_init(&queue->sources, capacity) : 0;
}

void pending_free(struct pending_queue *queue)
{
    sources_free(&queue->sources);
    memory_free(queue->ring, queue->capacity * sizeof *queue->ring);
    queue->ring = NULL;
}

bool pending_empty(const struct pending_queue *queue)
{
    return queue->count == 0;
}

bool pending_full(const struct pending_queue *queue)
{
    return queue->count == queue->capacity;
}

struct pending *pending_at(const struct pending_queue *queue, size_t place)
{
    return &queue->ring[(queue->head + place) % queue->capacity];
}

void pending_push(struct pending_queue *queue, const struct pending *client)
{
    *pending_at(queue, queue->count) = *client;
    queue->count++;
    sources_add(&queue->sources, client->source);
}

void pending_remove(struct pending_queue *queue, size_t place)
{
    sources_drop(&queue->sources, pending_at(queue, place)->source);
    for (; place > 0; place--) /* those before it move up */
        *pending_at(queue, place) = *pending_at(queue, place - 1);
    queue->head = (queue->head + 1) % queue->capacity;
    queue->count--;
}

bool pending_has_left(const struct pending *client)
{
    char byte;
    ssize_t got = recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

bool pending_over_share(const struct pending_queue *queue, struct peer_address source)
{
    return queue->share > 0 && sources_count(&queue->sources, source) >= queue->share;
}

/* Of `source` alone where that is not NULL. */
static size_t sweep(struct pending_queue *queue, const struct peer_address *source,
                    void (*on_left)(void *arg, const struct pending *client), void *arg)
{
    size_t kept = 0, before = queue->count;

    for (size_t place = 0; place < before; place++) {
        struct pending *client = pending_at(queue, place);
        bool asked = source == NULL || peer_address_equal(client->source, *source);
        if (!asked || !pending_has_left(client)) {
            *pending_at(queue, kept++) = *client;
            continue;
        }
        sources_drop(&queue->sources, client->source);
        on_left(arg, client);
    }
    queue->count = kept;
    return before - kept;
}

size_t pending_sweep(struct pending_queue *queue,
                     void (*on_left)(void *arg, const struct pending *client), void *arg)
{
    return sweep(queue, NULL, on_left, arg);
}

size_t pending_sweep_source(struct pending_queue *queue, struct peer_address source,
                            void (*on_left)(void *arg, const struct pending *client), void *arg)
{
    int64_t began_ns = io_now_ns();

    if (began_ns < queue->sweep_due_ns)
        return 0;
    size_t left = sweep(queue, &source, on_left, arg);
    int64_t now_ns = io_now_ns();
    queue->sweep_due_ns = now_ns + 9 * (now_ns - began_ns);
    return left;
}
