/* peer.h - the address at the other end of a connection. */
#ifndef FERRY_PEER_H
#define FERRY_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

union peer {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "[", a scoped IPv6 address, "]:", a port and a NUL. */
enum { PEER_TEXT_MAX = INET6_ADDRSTRLEN + 32 };

/* Writes `127.0.0.1:40000` or `[::1]:40000`; an IPv4-mapped address (RFC 4291 section 2.5.5.2) is
 * written as the IPv4 address it is, and AF_UNIX, which has none, as `a local socket`. Returns
 * `text`. */
const char *peer_format(const union peer *peer, char text[PEER_TEXT_MAX]);

/* An address as 16 bytes, IPv4 in its IPv4-mapped form (RFC 4291 section 2.5.5.2). */
struct peer_address {
    unsigned char bytes[16];
};
struct peer_address peer_address_of(const union peer *peer);

/* The address with all but its first `bits` bits zero; 0 to 128. */
struct peer_address peer_network(struct peer_address address, unsigned bits);
bool peer_address_equal(struct peer_address a, struct peer_address b);

/* Is it an IPv4 address? */
bool peer_address_is_v4(struct peer_address address);

/* Whom a client counts as for --per-source: an IPv4 address, or an IPv6 /64, which is what one
 * subscriber gets (RFC 6177 section 2) and can take any number of addresses from. */
struct peer_address peer_source(const union peer *peer);

/* The port, in host order. */
unsigned peer_port(const union peer *peer);

#endif
