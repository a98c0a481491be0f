/* proto.c - the wire protocol's words: parsing and formatting, no I/O.
 *
 * Called by: session.c, log.c, the client.
 * Runs in:   any process or thread; no state. */
#include "proto.h"

#include <stdbool.h>

static const char *const verb_names[] = {
    [PROTO_GET] = "GET", [PROTO_PUT] = "PUT", [PROTO_DEL] = "DEL"};
enum { VERB_COUNT = sizeof verb_names / sizeof verb_names[0], VERB_LEN = 3 };

const char *proto_verb_name(enum proto_verb verb)
{
    return verb_names[verb];
}

enum proto_parse proto_parse(const char *text, size_t len, struct proto_request *out)
{
    if (memchr(text, '\0', len) != NULL)
        return PROTO_BAD;
    for (int verb = 0; verb < VERB_COUNT; verb++) {
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

/* Overlong forms, surrogates and what lies past U+10FFFF are not well-formed. */
size_t proto_utf8_len(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    static const struct {
        unsigned char first, last; /* of the lead byte */
        unsigned char low, high;   /* of the second byte */
        unsigned char len;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last)
            continue;
        if (forms[i].len > left)
            return 0;
        if (forms[i].len > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
            return 0;
        for (size_t j = 2; j < forms[i].len; j++)
            if ((s[j] & 0xc0) != 0x80)
                return 0;
        return forms[i].len;
    }
    return 0;
}

/* C0, DEL and C1: a terminal takes U+0080..U+009F for control characters too. */
static bool is_control(const unsigned char *s, size_t len)
{
    return (len == 1 && (s[0] < 0x20 || s[0] == 0x7f)) || (len == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

size_t proto_escape(char *dst, size_t cap, const char *src, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *s = (const unsigned char *)src;
    size_t written = 0;

    for (size_t i = 0; i < len;) {
        size_t n = proto_utf8_len(src + i, len - i);
        bool plain = n > 0 && !is_control(s + i, n);
        size_t need = plain ? n : 4;
        if (written + need >= cap)
            break;
        if (plain) {
            memcpy(dst + written, s + i, n);
        } else {
            const char escaped[4] = {'\\', 'x', hex[s[i] >> 4], hex[s[i] & 0xf]};
            memcpy(dst + written, escaped, sizeof escaped);
            n = 1;
        }
        written += need;
        i += n;
    }
    if (cap > 0)
        dst[written] = '\0';
    return written;
}
