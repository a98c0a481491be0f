/* accept.c - which form of an answer the client would rather have: no I/O.
 *
 * Runs in: the worker; no state. Lenient: whoever gets the form he did not want can still read it,
 * so nothing in this field is worth a refusal. */
#include "session/http/accept.h"

enum { WEIGHT_MAX = 1000 /* a weight is told in thousandths (RFC 9110 section 12.4.2) */ };

/* What the field says of one type. The range that names it most closely counts. */
struct wish {
    const char *type, *range; /* "text/html", and what covers all of its kind, "text/" */
    unsigned closeness, weight;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first `stop` from `text` on that is in no quoted string, or `end`. */
static const char *find(const char *text, const char *end, char stop)
{
    bool quoted = false;

    for (; text < end && (quoted || *text != stop); text++) {
        if (quoted && *text == '\\' && text + 1 < end)
            text++;
        else if (*text == '"')
            quoted = !quoted;
    }
    return text;
}

/* "0.25", and ".25", which some write. */
static unsigned read_weight(const char *text)
{
    unsigned weight = 0, unit = WEIGHT_MAX;

    if (*text == '1')
        return WEIGHT_MAX;
    if (*text == '0')
        text++;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9' && unit > 1; text++) {
            unit /= 10;
            weight += unit * (unsigned)(*text - '0');
        }
    return weight;
}

/* The weight among the parameters of a range, from its end up to `end`. */
static unsigned find_weight(const char *at, const char *end)
{
    while ((at = find(at, end, ';')) < end) {
        at++;
        while (is_blank(*at))
            at++;
        if ((*at == 'q' || *at == 'Q') && at[1] == '=')
            return read_weight(at + 2);
    }
    return WEIGHT_MAX;
}

static unsigned closeness_of(const struct wish *wish, const char *range, size_t len)
{
    const size_t kind = strlen(wish->range);

    if (http_is_word(range, len, wish->type))
        return 3;
    if (len == kind + 1 && range[kind] == '*' && http_same(range, wish->range, kind))
        return 2;
    return http_is_word(range, len, "*/*") || http_is_word(range, len, "*") ? 1 : 0;
}

static void heed(struct wish *wish, const char *range, size_t len, unsigned weight)
{
    unsigned closeness = closeness_of(wish, range, len);

    if (closeness == 0 || closeness < wish->closeness)
        return;
    if (closeness > wish->closeness || weight > wish->weight)
        wish->weight = weight;
    wish->closeness = closeness;
}

static void heed_all(struct wish *one, struct wish *other, const char *value)
{
    const char *const last = value + strlen(value);

    while (value < last) {
        const char *end = find(value, last, ',');
        while (is_blank(*value))
            value++;
        size_t len = 0;
        while (value + len < end && value[len] != ';' && !is_blank(value[len]))
            len++;
        unsigned weight = find_weight(value + len, end);
        heed(one, value, len, weight);
        heed(other, value, len, weight);
        value = end < last ? end + 1 : last;
    }
}

bool http_prefers_json(const struct http_head *head)
{
    struct wish html = {.type = "text/html", .range = "text/"};
    struct wish json = {.type = "application/json", .range = "application/"};
    const char *value;
    size_t at = 0;

    /* Several of these fields are one list (RFC 9110 section 5.3). */
    while ((value = http_head_next(head, "Accept", &at)) != NULL)
        heed_all(&html, &json, value);
    return json.weight > html.weight;
}
