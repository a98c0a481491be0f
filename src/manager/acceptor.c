/* acceptor.c - the listening sockets, and the pending-client records made from them.
 *
 * Runs in: the parent. */
#include "manager/acceptor.h"

#include "common/io.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>

enum { BACKLOG = 4096 /* who waits in the kernel while our queue is full; see listen(2) */ };

/* Returns a listening socket, or -1 with errno. `both` makes an IPv6 socket take IPv4 as well. */
static int listen_on(const struct sockaddr *address, socklen_t len, bool both, int timeout_ms)
{
    int on = 1, only_v6 = !both;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        goto fail;
    if (address->sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6) < 0)
        goto fail;
    /* Accepted sockets inherit these: set once here instead of once per client. */
    io_prepare_socket(fd);
    io_keepalive(fd, timeout_ms);
    if (io_bound_waits(fd) < 0 || bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0)
        goto fail;
    return fd;
fail:
    io_close(fd);
    return -1;
}

static unsigned bound_port(int fd)
{
    union peer self = {.any.sa_family = AF_UNSPEC};
    socklen_t len = sizeof self;
    return getsockname(fd, &self.any, &len) < 0 ? 0 : peer_port(&self);
}

/* What all listeners of one call have in common. */
struct door {
    struct acceptor *acceptor;
    const struct service *service;
    size_t first; /* of them */
    int timeout_ms, silent_ms;
};

/* Some connect before they have anything to ask, as browsers do, and often never ask: that must
 * take no place in line, and no worker. So the kernel keeps a client to itself up to its first
 * byte, which is when it counts as accepted, and stands in line (tcp(7)). One that stays silent is
 * let in when it has been silent for about as long as it might be silent with a worker (the kernel
 * counts in repetitions of its own answer: 1, 3, 7, 15, ... s), so that it is ended as any other
 * client; and while as many as the backlog holds are silent, whoever comes is let in at once, by
 * SYN cookies. A kernel without all this serves as well. */
static void defer(int fd, int silent_ms)
{
    int seconds = silent_ms < 1000 ? 1 : silent_ms / 1000;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

/* Returns 0, or -1 with errno. */
static int add_listener(const struct door *door, const struct sockaddr *address, socklen_t len,
                        bool both)
{
    struct acceptor *acceptor = door->acceptor;
    int fd = listen_on(address, len, both, door->timeout_ms);

    if (fd < 0)
        return -1;
    if (door->service->client_begins)
        defer(fd, door->silent_ms);
    acceptor->listeners[acceptor->count++] =
        (struct listener){.fd = fd, .port = bound_port(fd), .service = door->service};
    return 0;
}

static int open_every_address(const struct door *door, unsigned port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (add_listener(door, (struct sockaddr *)&v6, sizeof v6, true) == 0)
        return 0;
    if (errno == EADDRINUSE || errno == EACCES)
        return -1;
    /* A machine without IPv6 says so in several ways. */
    return add_listener(door, (struct sockaddr *)&v4, sizeof v4, false);
}

/* Has this address got a listener already? */
static bool is_bound(const struct door *door, const union peer *address)
{
    for (size_t i = door->first; i < door->acceptor->count; i++) {
        union peer self = {.any.sa_family = AF_UNSPEC};
        socklen_t len = sizeof self;
        if (getsockname(door->acceptor->listeners[i].fd, &self.any, &len) == 0 &&
            peer_address_equal(peer_address_of(&self), peer_address_of(address)))
            return true;
    }
    return false;
}

/* A name may stand for several addresses, one of them twice, and some that this machine does not
 * have at the moment. Where the port is 0, the first one chooses for all. */
static int open_listed(const struct door *door, const struct addrinfo *list, unsigned port)
{
    struct acceptor *acceptor = door->acceptor;

    for (; list != NULL && acceptor->count < ACCEPTOR_LISTENERS_MAX &&
           acceptor->count - door->first < ACCEPTOR_ADDRESSES_MAX;
         list = list->ai_next) {
        union peer address;
        if (list->ai_addrlen > sizeof address)
            continue;
        memcpy(&address, list->ai_addr, list->ai_addrlen);
        if (port == 0 && acceptor->count > door->first)
            port = acceptor->listeners[door->first].port;
        if (address.any.sa_family == AF_INET)
            address.v4.sin_port = htons((uint16_t)port);
        else
            address.v6.sin6_port = htons((uint16_t)port);
        if (is_bound(door, &address))
            continue;
        if (add_listener(door, &address.any, list->ai_addrlen, false) < 0 &&
            errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT)
            return -1;
    }
    return acceptor->count > door->first ? 0 : -1;
}

static void close_from(struct acceptor *acceptor, size_t first)
{
    while (acceptor->count > first)
        io_close(acceptor->listeners[--acceptor->count].fd);
}

const char *acceptor_open(struct acceptor *acceptor, const struct service *service,
                          const char *address, unsigned port, int timeout_ms, int silent_ms)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    const struct door door = {acceptor, service, acceptor->count, timeout_ms, silent_ms};
    struct addrinfo *list = NULL;
    int outcome;

    if (acceptor->count == ACCEPTOR_LISTENERS_MAX)
        return "there are too many listeners";
    if (address == NULL) {
        outcome = open_every_address(&door, port);
    } else {
        int error = getaddrinfo(address, NULL, &hints, &list);
        if (error != 0)
            return gai_strerror(error);
        outcome = open_listed(&door, list, port);
        freeaddrinfo(list);
    }
    if (outcome == 0)
        return NULL;
    int saved = errno;
    close_from(acceptor, door.first);
    return strerror(saved);
}

void acceptor_close(struct acceptor *acceptor)
{
    close_from(acceptor, 0);
}

enum accept_result acceptor_take(struct acceptor *acceptor, const struct listener *listener,
                                 struct pending *client)
{
    struct stay *stay = &client->stay;
    socklen_t len = sizeof stay->connection;

    *client = (struct pending){.service = listener->service};
    client->fd = accept4(listener->fd, &stay->connection.any, &len, SOCK_CLOEXEC);
    if (client->fd >= 0) {
        stay->client = stay->connection;
        stay->serial = ++acceptor->serial;
        (void)memccpy(stay->service, listener->service->name, '\0', sizeof stay->service - 1);
        stay->accepted_ns = io_now_ns();
        stay->accepted_wall_ns = io_wall_ns();
        return ACCEPT_CLIENT;
    }
    switch (errno) {
    case EAGAIN:
        return ACCEPT_NONE;
    case EINTR:
    case ECONNABORTED:
    case EPERM:
        return ACCEPT_LOST;
    /* "already-pending network errors on the new socket" (accept(2), "Error handling") */
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return ACCEPT_LOST;
    default:
        return ACCEPT_STARVED;
    }
}
