/* admission.c - who may be a client at all.
 *
 * Runs in: the parent. */
#include "common/admission.h"

#include <arpa/inet.h>

enum { BITS_V4 = 32, BITS_V6 = 128, MAPPED_PREFIX_BITS = BITS_V6 - BITS_V4 };

/* Reads "0" to "128" from a number's first digit on; -1 where it is none. */
static int read_bits(const char *text, int most)
{
    int bits = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 3 || text[digits] != '\0')
        return -1;
    for (; *text != '\0'; text++)
        bits = bits * 10 + (*text - '0');
    return bits <= most ? bits : -1;
}

const char *admission_add(struct admission *admission, const char *rule)
{
    char address[INET6_ADDRSTRLEN];
    union peer peer = {.any.sa_family = AF_INET};
    const char *slash = strchr(rule, '/');
    size_t len = slash == NULL ? strlen(rule) : (size_t)(slash - rule);

    if (admission->count == ADMISSION_RULES_MAX)
        return "too many";
    if (len >= sizeof address)
        return "not an address";
    memcpy(address, rule, len);
    address[len] = '\0';

    int most = BITS_V4;
    if (inet_pton(AF_INET, address, &peer.v4.sin_addr) != 1) {
        peer.any.sa_family = AF_INET6;
        most = BITS_V6;
        if (inet_pton(AF_INET6, address, &peer.v6.sin6_addr) != 1)
            return "not an address";
    }
    int bits = slash == NULL ? most : read_bits(slash + 1, most);
    if (bits < 0)
        return most == BITS_V4 ? "BITS must be 0 to 32" : "BITS must be 0 to 128";

    unsigned all_bits = (unsigned)bits + (most == BITS_V4 ? MAPPED_PREFIX_BITS : 0);
    struct peer_address network = peer_address_of(&peer);
    if (!peer_address_equal(peer_network(network, all_bits), network))
        return "it has bits set beyond BITS";
    admission->rules[admission->count].network = network;
    admission->rules[admission->count].bits = all_bits;
    admission->count++;
    return NULL;
}

/* Where IPv4 addresses lie among the IPv6 ones is our notation: ::/0 does not speak of them. */
static bool rule_covers(struct peer_address network, unsigned bits, struct peer_address address)
{
    return peer_address_is_v4(network) == peer_address_is_v4(address) &&
           peer_address_equal(peer_network(address, bits), network);
}

bool admission_allows(const struct admission *admission, const union peer *peer)
{
    if (peer->any.sa_family == AF_UNIX)
        return admission->count == 0;
    struct peer_address address = peer_address_of(peer);
    for (size_t i = 0; i < admission->count; i++)
        if (rule_covers(admission->rules[i].network, admission->rules[i].bits, address))
            return true;
    return admission->count == 0;
}
