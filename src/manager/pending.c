/* pending.c - the clients that wait for their turn: a bounded first-in first-out queue.
 *
 * Runs in: the parent. All room is made at the start; nothing is allocated for a client. */
#include "manager/pending.h"

#include "common/memory.h"

#include <errno.h>

int pending_init(struct pending_queue *queue, size_t capacity, bool count_sources)
{
    *queue = (struct pending_queue){.ring = memory_private(capacity * sizeof *queue->ring),
                                    .capacity = capacity};
    if (queue->ring == NULL)
        return -1;
    return count_sources ? sources_init(&queue->sources, capacity) : 0;
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

size_t pending_from(const struct pending_queue *queue, struct peer_address source)
{
    return sources_count(&queue->sources, source);
}

size_t pending_sweep(struct pending_queue *queue, const struct peer_address *source,
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
