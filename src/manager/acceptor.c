/* acceptor.c - the listening sockets, and the pending-client records made from them.
 *
 * Runs in: the parent. */
#include "manager/acceptor.h"

#include "common/io.h"

#include <errno.h>
#include <netdb.h>

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
    if (bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0)
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

/* Returns 0, or -1 with errno. */
static int add_listener(struct acceptor *acceptor, const struct sockaddr *address, socklen_t len,
                        bool both, int timeout_ms)
{
    int fd = listen_on(address, len, both, timeout_ms);
    if (fd < 0)
        return -1;
    acceptor->listen_fds[acceptor->count++] = fd;
    acceptor->port = bound_port(fd);
    return 0;
}

static int open_every_address(struct acceptor *acceptor, unsigned port, int timeout_ms)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (add_listener(acceptor, (struct sockaddr *)&v6, sizeof v6, true, timeout_ms) == 0)
        return 0;
    if (errno == EADDRINUSE || errno == EACCES)
        return -1;
    /* A machine without IPv6 says so in several ways. */
    return add_listener(acceptor, (struct sockaddr *)&v4, sizeof v4, false, timeout_ms);
}

/* Is one of the listeners bound to this address already? */
static bool is_bound(const struct acceptor *acceptor, const union peer *address)
{
    for (size_t i = 0; i < acceptor->count; i++) {
        union peer self = {.any.sa_family = AF_UNSPEC};
        socklen_t len = sizeof self;
        if (getsockname(acceptor->listen_fds[i], &self.any, &len) == 0 &&
            peer_address_equal(peer_address_of(&self), peer_address_of(address)))
            return true;
    }
    return false;
}

/* A name may stand for several addresses, one of them twice, and some that this machine does not
 * have at the moment. Where the port is 0, the first one chooses for all. */
static int open_listed(struct acceptor *acceptor, const struct addrinfo *list, unsigned port,
                       int timeout_ms)
{
    for (; list != NULL && acceptor->count < ACCEPTOR_LISTENERS_MAX; list = list->ai_next) {
        union peer address;
        if (list->ai_addrlen > sizeof address)
            continue;
        memcpy(&address, list->ai_addr, list->ai_addrlen);
        in_port_t wanted = htons((uint16_t)(port != 0 ? port : acceptor->port));
        if (address.any.sa_family == AF_INET)
            address.v4.sin_port = wanted;
        else
            address.v6.sin6_port = wanted;
        if (is_bound(acceptor, &address))
            continue;
        if (add_listener(acceptor, &address.any, list->ai_addrlen, false, timeout_ms) < 0 &&
            errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT)
            return -1;
    }
    return acceptor->count > 0 ? 0 : -1;
}

const char *acceptor_open(struct acceptor *acceptor, const char *address, unsigned port,
                          int timeout_ms)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    int outcome;

    *acceptor = (struct acceptor){.count = 0};
    if (address == NULL) {
        outcome = open_every_address(acceptor, port, timeout_ms);
    } else {
        int error = getaddrinfo(address, NULL, &hints, &list);
        if (error != 0)
            return gai_strerror(error);
        outcome = open_listed(acceptor, list, port, timeout_ms);
        freeaddrinfo(list);
    }
    if (outcome == 0)
        return NULL;
    int saved = errno;
    acceptor_close(acceptor);
    return strerror(saved);
}

enum accept_result acceptor_take(struct acceptor *acceptor, int listen_fd, struct pending *client)
{
    socklen_t len = sizeof client->peer;

    client->fd = accept4(listen_fd, &client->peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client->fd >= 0) {
        client->source = peer_source(&client->peer);
        client->serial = ++acceptor->serial;
        client->accepted_ns = io_now_ns();
        client->accepted_wall_ns = io_wall_ns();
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

void acceptor_close(struct acceptor *acceptor)
{
    while (acceptor->count > 0)
        io_close(acceptor->listen_fds[--acceptor->count]);
}
