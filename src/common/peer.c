/* peer.c - the address at the other end of a connection.
 *
 * Runs in: the parent; peer_format() in ferrytop, too. */
#include "common/peer.h"

#include <arpa/inet.h>
#include <net/if.h>

unsigned peer_port(const union peer *peer)
{
    return ntohs(peer->any.sa_family == AF_INET ? peer->v4.sin_port : peer->v6.sin6_port);
}

struct peer_address peer_address_of(const union peer *peer)
{
    struct peer_address address = {{[10] = 0xff, [11] = 0xff}};

    if (peer->any.sa_family == AF_INET)
        memcpy(address.bytes + 12, &peer->v4.sin_addr, sizeof peer->v4.sin_addr);
    else
        memcpy(address.bytes, &peer->v6.sin6_addr, sizeof address.bytes);
    return address;
}

struct peer_address peer_network(struct peer_address address, unsigned bits)
{
    for (unsigned i = 0; i < sizeof address.bytes; i++) {
        unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        if (kept < 8)
            address.bytes[i] &= (unsigned char)(0xff00U >> kept);
    }
    return address;
}

bool peer_address_equal(struct peer_address a, struct peer_address b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool peer_address_is_v4(struct peer_address address)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address.bytes, prefix, sizeof prefix) == 0;
}

struct peer_address peer_source(const union peer *peer)
{
    struct peer_address address = peer_address_of(peer);
    return peer_network(address, peer_address_is_v4(address) ? 128 : 64);
}

static void format_v6(const struct sockaddr_in6 *v6, char *text, size_t room)
{
    char address[INET6_ADDRSTRLEN] = "?";
    char zone[IF_NAMESIZE] = "";
    bool scoped = v6->sin6_scope_id != 0;

    /* Inside the sandbox there is no socket to ask for the interface's name with; its number means
     * the same (RFC 4007 section 11.2). */
    if (scoped && if_indextoname(v6->sin6_scope_id, zone) == NULL)
        (void)snprintf(zone, sizeof zone, "%u", (unsigned)v6->sin6_scope_id);
    inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof address);
    (void)snprintf(text, room, "[%s%s%s]:%u", address, scoped ? "%" : "", zone,
                   (unsigned)ntohs(v6->sin6_port));
}

const char *peer_format(const union peer *peer, char text[PEER_TEXT_MAX])
{
    const struct in6_addr *address = &peer->v6.sin6_addr;
    char v4[INET_ADDRSTRLEN] = "?";
    bool mapped = peer->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(address);

    if (peer->any.sa_family == AF_UNIX) {
        (void)snprintf(text, PEER_TEXT_MAX, "a local socket");
        return text;
    }
    if (peer->any.sa_family == AF_INET6 && !mapped) {
        format_v6(&peer->v6, text, PEER_TEXT_MAX);
        return text;
    }
    if (mapped)
        inet_ntop(AF_INET, &address->s6_addr[12], v4, sizeof v4);
    else
        inet_ntop(AF_INET, &peer->v4.sin_addr, v4, sizeof v4);
    (void)snprintf(text, PEER_TEXT_MAX, "%s:%u", v4, peer_port(peer));
    return text;
}
