/* target.c - a request's target, turned into a name under the root: no I/O.
 *
 * Runs in: the worker (child process or thread); no state but what it is given.
 *
 * What a target has in it beyond RFC 3986, but for controls and blanks, which head.c refuses, and
 * the "#", is taken as it is: older clients send bytes over 0x7f as they are, and others | or ". A
 * backslash is a byte like any other, as it is in the names of files. */
#include "session/http/target.h"

static unsigned no(unsigned status, const char *words, const char **wrong)
{
    *wrong = words;
    return status;
}

/* The byte that *path begins with, which it is moved past; -1 where that is a percent sign that
 * begins no escape, or one of those that no name can have: NUL ends a name, and a slash that is
 * part of one cannot be told from one that is not. */
static int take_byte(const char **path)
{
    const char *at = *path;

    if (*at != '%') {
        *path += 1;
        return (unsigned char)*at;
    }
    int high = http_hex_digit(at[1]);
    int low = high < 0 ? -1 : http_hex_digit(at[2]);
    int byte = high * 16 + low;
    if (low < 0 || byte == '\0' || byte == '/')
        return -1;
    *path += 3;
    return byte;
}

/* Decodes the path, whose first slash is past, once (RFC 3986 section 2.4). */
static unsigned decode(struct http_target *target, const char *path, const char *end,
                       const char **wrong)
{
    size_t len = 0;

    while (path < end) {
        int byte = take_byte(&path);
        if (byte < 0)
            return no(400, "a percent sign in the target begins no escape that a name can have",
                      wrong);
        if (len == PROTO_REQUEST_MAX)
            return no(414, "the name is too long", wrong);
        target->name[len++] = (char)byte;
    }
    target->name[len] = '\0';
    return 0;
}

/* Has the decoded name a component that no name may have: "..", or an empty one in front, where the
 * target would be "//HOST/..." to some? */
static bool leaves_root(const char *name)
{
    if (name[0] == '/')
        return true;
    while (*name != '\0') {
        size_t len = 0;
        while (name[len] != '/' && name[len] != '\0')
            len++;
        if (len == 2 && name[0] == '.' && name[1] == '.')
            return true;
        name += len + (name[len] == '/');
    }
    return false;
}

/* Takes off the slashes at the end. */
static void look_at_end(struct http_target *target)
{
    char *name = target->name;
    size_t len = strlen(name), slashes = 0;

    for (; len > 0 && name[len - 1] == '/'; len--)
        slashes++;
    target->directory = len == 0 || slashes > 0;
    target->spare_slashes = slashes > 0 ? slashes - 1 : 0;
    if (len == 0)
        name[len++] = '.';
    name[len] = '\0';
    if (len == 1 && name[0] == '.')
        target->directory = true;
}

static unsigned read_path(struct http_target *target, const char *path, size_t len,
                          const char **wrong)
{
    unsigned status = decode(target, path + 1, path + len, wrong);

    if (status != 0)
        return status;
    if (leaves_root(target->name))
        return no(400, "the target leads out of what is served", wrong);
    look_at_end(target);
    return 0;
}

static bool is_part(const char *part, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(part, word, len) == 0;
}

static void read_query(struct http_target *target)
{
    const char *part = target->query;

    while (part != NULL && *part != '\0') {
        size_t len = 0;
        while (part[len] != '=' && part[len] != '&' && part[len] != '\0')
            len++;
        target->json = target->json || is_part(part, len, "json");
        target->download = target->download || is_part(part, len, "download");
        while (part[len] != '&' && part[len] != '\0')
            len++;
        part += len + (part[len] == '&');
    }
}

/* Where the path begins; NULL where `text` is neither origin form nor absolute form (RFC 9112
 * sections 3.2.1, 3.2.2). What an authority is, gate.c knows. */
static const char *find_path(struct http_target *target, const char *text)
{
    static const char scheme[] = "http://";
    const size_t scheme_len = sizeof scheme - 1;

    if (text[0] == '/')
        return text;
    if (strlen(text) < scheme_len || !http_same(text, scheme, scheme_len))
        return NULL;
    target->authority = text + scheme_len;
    while (target->authority[target->authority_len] != '\0' &&
           strchr("/?#", target->authority[target->authority_len]) == NULL)
        target->authority_len++;
    return target->authority + target->authority_len;
}

/* "*" is what OPTIONS asks of the server as a whole (RFC 9112 section 3.2.4). */
static unsigned read_asterisk(enum http_method method, const char **wrong)
{
    return method == HTTP_OPTIONS ? 0 : no(400, "only OPTIONS asks for \"*\"", wrong);
}

unsigned http_target_parse(struct http_target *target, const struct http_head *head,
                           const char **wrong)
{
    const char *text = head->target;

    target->name[0] = '\0';
    target->directory = target->json = target->download = false;
    target->authority = target->query = NULL;
    target->authority_len = target->spare_slashes = 0;
    if (text[0] == '*' && text[1] == '\0')
        return read_asterisk(head->method, wrong);
    const char *path = find_path(target, text);
    if (path == NULL || strchr(path, '#') != NULL)
        return no(400, "the target is neither a path nor a URL of http", wrong);
    const char *mark = strchr(path, '?');
    size_t len = mark != NULL ? (size_t)(mark - path) : strlen(path);
    target->query = mark != NULL ? mark + 1 : NULL;
    read_query(target);
    if (len == 0) /* of the absolute form (RFC 9110 section 4.2.3) */
        return read_path(target, "/", 1, wrong);
    return read_path(target, path, len, wrong);
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~' || c == '/';
}

size_t http_target_encode(char *text, size_t room, const char *name, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t written = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        const char escape[3] = {'%', hex[c >> 4], hex[c & 0xf]};
        size_t need = is_plain(name[i]) ? 1 : sizeof escape;
        if (written + need >= room)
            break;
        memcpy(text + written, need == 1 ? name + i : escape, need);
        written += need;
    }
    if (room > 0)
        text[written] = '\0';
    return written;
}
