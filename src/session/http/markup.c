/* markup.c - names and times as they can stand in a page or in JSON.
 *
 * Runs in: any process or thread; no state. */
#include "session/http/markup.h"

#include "common/text.h"
#include "session/http/calendar.h"

#include <stdbool.h>
#include <stdint.h>

struct output {
    char *text;
    size_t room, len;
};

static struct output begin(char *text, size_t room)
{
    struct output out;

    out.text = text;
    out.room = room;
    out.len = 0;
    return out;
}

/* All of it, or nothing. */
static bool add(struct output *out, const char *bytes, size_t len)
{
    if (len >= out->room - out->len)
        return false;
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
    return true;
}

static bool add_text(struct output *out, const char *text)
{
    return add(out, text, strlen(text));
}

static size_t finish(struct output *out)
{
    if (out->room > 0)
        out->text[out->len] = '\0';
    return out->len;
}

/* ---- HTML ---- */

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* The code point of a character that must not be shown as it is; 0 where it may. These say in which
 * direction what follows them is written, and by that a name can seem to end in .jpg that ends in
 * .exe (U+202A to U+202E, U+2066 to U+2069); others only hint at it, and are left alone. U+2028 and
 * U+2029 end a line; so does U+0085, one of the controls that have no picture (U+0080 to U+009F).
 */
static unsigned misleading(const unsigned char *s, size_t len)
{
    if (len == 2 && s[0] == 0xc2 && s[1] < 0xa0)
        return s[1];
    if (len != 3 || s[0] != 0xe2)
        return 0;
    unsigned point = 0x2000U | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
    return (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ? point : 0;
}

/* One byte of ASCII. */
static bool add_html_byte(struct output *out, unsigned char byte)
{
    const char picture[] = {'\xe2', '\x90', (char)(0x80 | (byte == 0x7f ? 0x21 : byte))};

    switch (byte) {
    case '&':
        return add_text(out, "&amp;");
    case '<':
        return add_text(out, "&lt;");
    case '>':
        return add_text(out, "&gt;");
    case '"':
        return add_text(out, "&quot;");
    case '\'':
        return add_text(out, "&#39;");
    default:
        return byte < ' ' || byte == 0x7f ? add(out, picture, sizeof picture)
                                          : add(out, (const char *)&byte, 1);
    }
}

size_t markup_html(char *dst, size_t room, const char *src, size_t len)
{
    struct output out = begin(dst, room);
    bool fits = room > 0;

    for (size_t at = 0; at < len && fits;) {
        const unsigned char *s = (const unsigned char *)src + at;
        size_t n = text_utf8_len(src + at, len - at);
        if (n == 1)
            fits = add_html_byte(&out, *s);
        else if (n == 0 || misleading(s, n) != 0)
            fits = add_text(&out, replacement);
        else
            fits = add(&out, src + at, n);
        at += n == 0 ? 1 : n;
    }
    return finish(&out);
}

/* ---- JSON ---- */

static bool add_code(struct output *out, unsigned point)
{
    char code[16];

    (void)snprintf(code, sizeof code, "\\u%04x", point);
    return add_text(out, code);
}

static bool add_json_byte(struct output *out, unsigned char byte)
{
    const char escaped[] = {'\\', (char)byte};

    if (byte == '"' || byte == '\\')
        return add(out, escaped, sizeof escaped);
    if (byte < ' ' || byte == 0x7f)
        return add_code(out, byte);
    return add(out, (const char *)&byte, 1);
}

/* What must not be shown is written in words, for those who look at JSON on a terminal. */
size_t markup_json(char *dst, size_t room, const char *src, size_t len)
{
    struct output out = begin(dst, room);
    bool fits = room > 0;

    for (size_t at = 0; at < len && fits;) {
        const unsigned char *s = (const unsigned char *)src + at;
        size_t n = text_utf8_len(src + at, len - at);
        unsigned point = misleading(s, n);
        if (n == 1)
            fits = add_json_byte(&out, *s);
        else if (n == 0)
            fits = add_code(&out, 0xdc00U | *s);
        else if (point != 0)
            fits = add_code(&out, point);
        else
            fits = add(&out, src + at, n);
        at += n == 0 ? 1 : n;
    }
    return finish(&out);
}

/* ---- times ---- */

const char *markup_time(time_t when, char text[MARKUP_TIME_MAX])
{
    const int64_t first = -62135596800, last = 253402300799; /* of the years 1 to 9999 */
    struct date date;

    calendar_read(&date, when < first ? first : when > last ? last : when);
    (void)snprintf(text, MARKUP_TIME_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", date.year, date.month,
                   date.day, date.hour, date.minute, date.second);
    return text;
}
