/* admission.h - who may be a client at all. */
#ifndef FERRY_ADMISSION_H
#define FERRY_ADMISSION_H

#include "common/peer.h"

#include <stddef.h>

enum { ADMISSION_RULES_MAX = 256 };

struct admission {
    struct {
        struct peer_address network;
        unsigned bits; /* of it that count */
    } rules[ADMISSION_RULES_MAX];
    size_t count;
};

/* Adds the rule ADDR[/BITS], IPv4 or IPv6; without BITS, one address. Returns NULL, or what is
 * wrong with it. */
const char *admission_add(struct admission *admission, const char *rule);

/* Does a rule cover this peer? Where there are no rules, everyone may. One without an address
 * (AF_UNIX) is covered by none. */
bool admission_allows(const struct admission *admission, const union peer *peer);

#endif
