/* proto.c - the wire protocol's words: parsing and formatting, no I/O.
 *
 * Runs in: any process or thread; no state. */
#include "common/proto.h"

static const char *const verb_names[PROTO_VERBS] = {
    [PROTO_NO_VERB] = "", [PROTO_GET] = "GET", [PROTO_PUT] = "PUT", [PROTO_DEL] = "DEL"};
enum { VERB_LEN = 3 };

const char *proto_verb_name(unsigned verb)
{
    return verb_names[verb];
}

enum proto_parse proto_parse(const char *text, size_t len, struct proto_request *out)
{
    if (memchr(text, '\0', len) != NULL)
        return PROTO_BAD;
    for (unsigned verb = PROTO_GET; verb < PROTO_VERBS; verb++) {
        size_t common = len < VERB_LEN ? len : VERB_LEN;
        if (memcmp(text, verb_names[verb], common) != 0)
            continue;
        if (len <= VERB_LEN)
            return PROTO_INCOMPLETE;
        if (text[VERB_LEN] != ' ')
            return PROTO_BAD;
        if (len == VERB_LEN + 1)
            return PROTO_INCOMPLETE;
        *out = (struct proto_request){.verb = (enum proto_verb)verb, .name = text + VERB_LEN + 1};
        return PROTO_REQUEST;
    }
    return PROTO_BAD;
}

void proto_put_size(unsigned char wire[PROTO_SIZE_LEN], uint64_t size)
{
    for (int i = PROTO_SIZE_LEN - 1; i >= 0; i--, size >>= 8)
        wire[i] = (unsigned char)(size & 0xff);
}

uint64_t proto_get_size(const unsigned char wire[PROTO_SIZE_LEN])
{
    uint64_t size = 0;
    for (int i = 0; i < PROTO_SIZE_LEN; i++)
        size = size << 8 | wire[i];
    return size;
}
