/* lies.c - what a worker that has been taken over can say of itself: anything.
 *
 * Writes to: its page of claims, which the parent reads when the worker has ended, and for the
 * board at any time. */
#include "lies.h"

#include "common/io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/* One field of an otherwise true page. */
struct lie {
    size_t offset, len;
    uint64_t value; /* of a number; or of each byte, where it is longer than one */
};

#define OF(field) offsetof(struct claims, field), sizeof(((struct claims *)NULL)->field)

static const struct lie lies[] = {
    {OF(verb), CLAIMS_VERBS - 1}, /* another service's */
    {OF(verb), CLAIMS_VERBS},
    {OF(verb), 0x80000001},
    {OF(verb), UINT32_MAX},
    /* what only the parent can know, and what there is not */
    {OF(outcome), OUTCOME_ABANDONED},
    {OF(outcome), OUTCOME_SHUTDOWN},
    {OF(outcome), OUTCOME_SIGNAL},
    {OF(outcome), OUTCOME_SANDBOX},
    {OF(outcome), OUTCOMES},
    {OF(outcome), OUTCOMES + 1},
    {OF(outcome), 1U << 20},
    {OF(outcome), INT32_MAX},
    {OF(outcome), UINT32_MAX},
    /* an errno, one without a name, and what is none */
    {OF(reason), 1},
    {OF(reason), 133},
    {OF(reason), 4095},
    {OF(reason), 4096},
    {OF(reason), UINT32_MAX},
    {OF(status), 1},
    {OF(status), 99},
    {OF(status), 599},
    {OF(status), 600},
    {OF(status), UINT32_MAX},
    {OF(size), 0},
    {OF(size), INT64_MAX},
    {OF(size), (uint64_t)INT64_MAX + 1},
    {OF(size), UINT64_MAX},
    {OF(moved), 6},
    {OF(moved), INT64_MAX},
    {OF(moved), UINT64_MAX},
    /* before it was born, before there were clocks, after its death, at the end of time */
    {OF(first_ns), 1},
    {OF(first_ns), UINT64_MAX},
    {OF(first_ns), (uint64_t)INT64_MAX + 1},
    {OF(first_ns), INT64_MAX},
    {OF(last_ns), 1},
    {OF(last_ns), UINT64_MAX},
    {OF(last_ns), (uint64_t)INT64_MAX + 1},
    {OF(last_ns), INT64_MAX},
    /* without an end */
    {OF(name), 'n'},
    {OF(name), '"'},
    {OF(name), '\\'},
    {OF(name), '\n'},
    {OF(name), 0x1b},
    {OF(name), 0xf0},
    {OF(name), 0xff},
    {OF(error), 'e'},
    {OF(error), '"'},
    {OF(error), '\n'},
    {OF(error), 0x9b},
    {0, sizeof(struct claims), 0x01},
    {0, sizeof(struct claims), 0x7f},
    {0, sizeof(struct claims), 0x80},
    {0, sizeof(struct claims), 0xff},
};
const size_t lie_count = sizeof lies / sizeof lies[0];

/* A GET of "f", as far as can be seen; what is told of a refusal is only looked at in one. */
static struct claims truth(bool refused)
{
    struct claims claims = {
        .verb = PROTO_GET,
        .outcome = refused ? OUTCOME_REFUSED : OUTCOME_DONE,
        .size = 5,
        .moved = 5,
        .first_ns = io_now_ns(),
        .last_ns = io_now_ns(),
        .name = "f",
    };
    return claims;
}

static struct claims falsehood(const struct lie *lie)
{
    struct claims claims = truth(lie->offset == offsetof(struct claims, error) ||
                                 lie->offset == offsetof(struct claims, reason));
    void *field = (unsigned char *)&claims + lie->offset;
    const uint32_t half = (uint32_t)lie->value;

    if (lie->len == sizeof half)
        memcpy(field, &half, sizeof half);
    else if (lie->len == sizeof lie->value)
        memcpy(field, &lie->value, sizeof lie->value);
    else
        memset(field, (int)lie->value, lie->len);
    return claims;
}

void tell_lie(struct claims *claims, size_t number)
{
    *claims = falsehood(&lies[number % lie_count]);
}

static bool client_is_silent(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

enum { TIMES = 1000 };

/* Writes the first `len` bytes of the one and of the other, many times. */
static void alternate(struct claims *claims, const struct claims *one, const struct claims *other,
                      size_t len)
{
    for (int i = 0; i < TIMES; i++) {
        memcpy(claims, one, len);
        __sync_synchronize();
        memcpy(claims, other, len);
        __sync_synchronize();
    }
}

void change_story(struct claims *claims, int fd)
{
    const struct claims true_story = truth(false);
    size_t number = 0;

    do {
        const struct claims other = falsehood(&lies[number++ % lie_count]);
        alternate(claims, &true_story, &other, sizeof other);
    } while (client_is_silent(fd));
}

/* As fast as can be: who reads a number twice is to read two. */
static void change_numbers(struct claims *claims, int fd)
{
    const struct claims true_story = truth(false), other = falsehood(&lies[lie_count - 1]);

    do
        alternate(claims, &true_story, &other, offsetof(struct claims, name));
    while (client_is_silent(fd));
}

int leave_a_liar(struct claims *claims, int fd)
{
    pid_t child = fork();

    if (child == 0) {
        change_numbers(claims, fd);
        _exit(0);
    }
    if (child < 0)
        return -1;
    while (__atomic_load_n(&claims->size, __ATOMIC_RELAXED) == 0)
        (void)poll(NULL, 0, 1);
    return 0;
}
