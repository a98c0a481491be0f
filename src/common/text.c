/* text.c - bytes, sizes and times as people can read them, and as a terminal cannot be harmed by.
 *
 * Runs in: any process or thread; no state. */
#include "common/text.h"

#include <stdbool.h>

const char *text_bytes(double bytes, char text[TEXT_UNIT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1024;
    (void)snprintf(text, TEXT_UNIT_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

const char *text_time(double seconds, char text[TEXT_UNIT_MAX])
{
    enum { MOST = 359999 };

    if (seconds < 0 || seconds > MOST) {
        (void)snprintf(text, TEXT_UNIT_MAX, "-:--");
        return text;
    }
    unsigned long s = (unsigned long)seconds;
    if (s >= 3600)
        (void)snprintf(text, TEXT_UNIT_MAX, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(text, TEXT_UNIT_MAX, "%lu:%02lu", s / 60, s % 60);
    return text;
}

/* Overlong forms, surrogates and what lies past U+10FFFF are not well-formed. */
size_t text_utf8_len(const char *text, size_t left)
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

size_t text_escape(char *dst, size_t cap, const char *src, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *s = (const unsigned char *)src;
    size_t written = 0;

    for (size_t i = 0; i < len;) {
        size_t n = text_utf8_len(src + i, len - i);
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
