/* gate.c - which requests a browser may be the author of: no I/O (docs/security.md).
 *
 * Runs in: the worker (child process or thread); no state but what it is given.
 *
 * A page's script may read what its own origin answers. Whoever rules a name can first lead it to
 * his own server and then to this one (DNS rebinding): his page and this server have one origin
 * then, and all that is still his is the name, in Host. An address cannot be led elsewhere, nor can
 * localhost (RFC 6761 section 6.3); this machine's name is ruled by those who rule the network. */
#include "session/http/gate.h"

#include <arpa/inet.h>

enum { NO_PORT = -1, PORT_MAX = 65535 };

/* "HOST[:PORT]" (RFC 3986 section 3.2), without a dot at the end of the host. */
struct authority {
    const char *host;
    size_t host_len;
    int port;        /* NO_PORT: none is given */
    bool is_address; /* and not a name */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 3986 section 3.2.2, reg-name. What the escapes in one stand for is not asked: no name that is
 * known here has any. */
static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' ||
           c == '-' || (c != '\0' && strchr("_~!$&'()*+,;=%", c) != NULL);
}

/* Four numbers up to 255 in decimal, and nothing that only some take for an address: no "127.1", no
 * "0177.0.0.1". */
static bool is_ipv4(const char *text, size_t len)
{
    size_t at = 0;

    for (int part = 0; part < 4; part++) {
        size_t first = at;
        unsigned value = 0;
        while (at < len && at - first < 3 && is_digit(text[at]))
            value = value * 10 + (unsigned)(text[at++] - '0');
        if (at == first || value > 255 || (text[first] == '0' && at - first > 1))
            return false;
        if (part < 3 && (at == len || text[at++] != '.'))
            return false;
    }
    return at == len;
}

static bool is_ipv6(const char *text, size_t len)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    return inet_pton(AF_INET6, address, &bytes) == 1;
}

/* Reads what follows the host: nothing, or ":" and digits, of which there may be none. */
static bool read_port(const char *text, size_t len, int *port)
{
    *port = NO_PORT;
    if (len == 0)
        return true;
    if (text[0] != ':')
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!is_digit(text[i]))
            return false;
        *port = (*port == NO_PORT ? 0 : *port * 10) + (text[i] - '0');
        if (*port > PORT_MAX)
            return false;
    }
    return true;
}

/* How many of these bytes are a literal in brackets; 0: they do not begin with one. */
static size_t literal_len(const char *text, size_t len)
{
    const char *end = len > 0 && text[0] == '[' ? memchr(text, ']', len) : NULL;

    if (end == NULL || !is_ipv6(text + 1, (size_t)(end - text) - 1))
        return 0;
    return (size_t)(end - text) + 1;
}

static size_t without_dot(const char *name, size_t len)
{
    return len > 1 && name[len - 1] == '.' ? len - 1 : len;
}

/* Returns false where it is none: with userinfo, for one. The host may be empty. */
static bool read_authority(struct authority *out, const char *text, size_t len)
{
    size_t host_len = literal_len(text, len);

    out->host = text;
    out->is_address = host_len > 0;
    if (!out->is_address)
        while (host_len < len && is_host_byte(text[host_len]))
            host_len++;
    out->host_len = without_dot(text, host_len);
    out->is_address = out->is_address || is_ipv4(text, out->host_len);
    return read_port(text + host_len, len - host_len, &out->port);
}

static bool is_same_name(const struct authority *a, const char *name)
{
    size_t len = without_dot(name, strlen(name));

    return len > 0 && len == a->host_len && http_same(a->host, name, len);
}

static bool ends_in(const struct authority *a, const char *end)
{
    size_t len = strlen(end);

    return a->host_len > len && http_same(a->host + a->host_len - len, end, len);
}

/* By the whole of its name, by its first label, and by that in the domain of multicast DNS (RFC
 * 6762). */
static bool is_own_name(const struct authority *a, const char *own)
{
    size_t label_len = 0;

    if (is_same_name(a, own))
        return true;
    while (own[label_len] != '.' && own[label_len] != '\0')
        label_len++;
    if (label_len == 0 || a->host_len < label_len || !http_same(a->host, own, label_len))
        return false;
    return a->host_len == label_len ||
           http_is_word(a->host + label_len, a->host_len - label_len, ".local");
}

static bool is_known(const struct authority *a, const struct http_names *names)
{
    if (a->is_address || is_same_name(a, "localhost") || ends_in(a, ".localhost") ||
        is_own_name(a, names->own))
        return true;
    for (size_t i = 0; i < names->given_count; i++)
        if (is_same_name(a, names->given[i]))
            return true;
    return false;
}

static int port_or(const struct authority *a, int port)
{
    return a->port == NO_PORT ? port : a->port;
}

/* Is this origin (RFC 6454 section 7) the one that has been asked? Of which scheme it is, is not
 * known here: a proxy in front may speak HTTPS, and its port is the one that is left out then. */
static bool is_own_origin(const char *origin, const struct authority *asked)
{
    static const struct {
        char scheme[9];
        int port;
    } schemes[] = {{"http://", 80}, {"https://", 443}};
    size_t len = strlen(origin);

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct authority from;
        size_t scheme_len = strlen(schemes[i].scheme);
        if (len <= scheme_len || !http_same(origin, schemes[i].scheme, scheme_len))
            continue;
        return read_authority(&from, origin + scheme_len, len - scheme_len) && from.host_len > 0 &&
               from.host_len == asked->host_len &&
               http_same(from.host, asked->host, from.host_len) &&
               port_or(&from, schemes[i].port) == port_or(asked, schemes[i].port);
    }
    return false;
}

/* May a browser have been made to send this by a page from elsewhere? Those that are old say
 * nothing of it, and so do other clients (Fetch Metadata; RFC 6454 section 7.3). */
static bool is_from_elsewhere(const struct http_head *head, const struct authority *asked)
{
    const char *site = http_head_value(head, "Sec-Fetch-Site");
    size_t origins = http_head_count(head, "Origin");

    if (http_head_count(head, "Sec-Fetch-Site") > 1 || http_list_has(site, "cross-site") ||
        http_list_has(site, "same-site"))
        return true;
    return origins > 1 || (origins == 1 && !is_own_origin(http_head_value(head, "Origin"), asked));
}

/* Sets *asked to what has been asked: the authority of the target comes before Host (RFC 9112
 * section 3.2.2), which still must be one. Returns false where one of them is none. */
static bool read_asked(const struct http_head *head, const struct http_target *target,
                       struct authority *asked)
{
    const char *host = http_head_value(head, "Host");

    *asked = (struct authority){.port = NO_PORT};
    if (host != NULL && !read_authority(asked, host, strlen(host)))
        return false;
    return target->authority == NULL ||
           (read_authority(asked, target->authority, target->authority_len) && asked->host_len > 0);
}

unsigned http_gate(const struct http_names *names, const struct http_head *head,
                   const struct http_target *target, const char **wrong)
{
    struct authority asked;

    if (!read_asked(head, target, &asked)) {
        *wrong = "the Host is none";
        return 400;
    }
    /* Only HTTP/1.0 may do without, and no browser does. */
    bool nameless = asked.host == NULL;
    if (!nameless && !is_known(&asked, names)) {
        *wrong = "this server is not known by this name (--http-host)";
        return 421;
    }
    if (http_method_writes(head->method) && is_from_elsewhere(head, &asked)) {
        *wrong = "a page from elsewhere may change nothing here";
        return 403;
    }
    return 0;
}
