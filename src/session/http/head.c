/* head.c - the head of a request, read byte by byte: no I/O (RFC 9112 sections 2 to 5).
 *
 * Runs in: the worker (child process or thread); no state but what it is given.
 *
 * Each byte is judged when it comes, so that the first that is wrong decides the answer, however
 * the bytes were cut into pieces. Two things are told at the end of the request line, when it is
 * known to be one: that the version is not spoken here, and then that the method is not known ("PRI
 * * HTTP/2.0" is both, and 505). That Host is missing, or there twice, is told at the end of the
 * head. */
#include "session/http/head.h"

enum {
    EMPTY_LINES_MAX = 4, /* before the request line (RFC 9112 section 2.2) */
    METHOD_MAX = 32      /* bytes; one that is longer is not known, for certain (section 3) */
};

enum state {
    BEFORE_REQUEST,
    EMPTY_LINE_END,
    IN_METHOD,
    IN_TARGET,
    IN_VERSION,
    REQUEST_LINE_END,
    BEFORE_FIELD,
    IN_NAME,
    IN_VALUE,
    FIELD_END,
    HEAD_END
};

/* In the order of enum http_method; text, not pointers, which the loader would have to fill in. */
static const char method_names[HTTP_METHODS][8] = {"",       "GET",     "HEAD", "PUT",
                                                   "DELETE", "OPTIONS", "MKCOL"};

/* Nothing but empty lines may stand before it. */
const char *http_head_method(const struct http_head *head)
{
    return head->text + (sizeof "\r\n" - 1) * head->empty_lines;
}

bool http_method_writes(enum http_method method)
{
    return method == HTTP_PUT || method == HTTP_DELETE || method == HTTP_MKCOL;
}

/* ---- bytes and words ---- */

/* What a token may have in it (RFC 9110 section 5.6.2), a bit for each byte: of the second 32,
 * ! # $ % & ' * + - . and the digits; then the letters, ^ _ ` | and ~. */
static bool is_token(unsigned char c)
{
    static const uint32_t bits[] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

    return c < 0x80 && (bits[c / 32] >> c % 32 & 1) != 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 9110 section 5.5: bytes over 0x7f mean nothing to us, but may stand there. */
static bool is_value(unsigned char c)
{
    return (c >= ' ' && c != 0x7f) || c == '\t';
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Not strncasecmp(3): that asks the locale, and is a page more that every child touches. */
bool http_same(const char *one, const char *other, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(one[i]) != lower(other[i]))
            return false;
    return true;
}

bool http_is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && http_same(text, word, len);
}

int http_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* ---- reading ---- */

void http_head_init(struct http_head *head)
{
    /* Not `text`: that would be four pages to touch for one that is used. */
    head->method = HTTP_NO_METHOD;
    head->minor = head->major = 0;
    head->target = "";
    head->status = 0;
    head->wrong = NULL;
    head->field_count = 0;
    head->len = head->word = 0;
    head->empty_lines = 0;
    head->whole = false;
    head->state = BEFORE_REQUEST;
}

static void refuse(struct http_head *head, unsigned status, const char *wrong)
{
    head->status = status;
    head->wrong = wrong;
}

/* The word that is being read has ended in the byte that was read last: it becomes a string, and
 * what comes next begins behind it. Returns where the word is. */
static size_t end_word(struct http_head *head, enum state next)
{
    size_t word = head->word;

    head->text[head->len - 1] = '\0';
    head->word = head->len;
    head->state = next;
    return word;
}

/* After a CR. Without this a recipient that takes it for a line end, and one that does not, would
 * see two different requests. */
static void end_line(struct http_head *head, unsigned char c, enum state next)
{
    head->state = next;
    if (c != '\n')
        refuse(head, 400, "a carriage return without its line feed");
}

static void before_request(struct http_head *head, unsigned char c)
{
    head->word = head->len - 1;
    head->state = c == '\r' ? EMPTY_LINE_END : IN_METHOD;
    if (c == '\r' ? ++head->empty_lines > EMPTY_LINES_MAX : !is_token(c))
        refuse(head, 400, "the request does not begin with a method");
}

static enum http_method find_method(const char *name)
{
    for (enum http_method method = HTTP_GET; method < HTTP_METHODS; method++)
        if (strcmp(name, method_names[method]) == 0)
            return method;
    return HTTP_NO_METHOD;
}

static void in_method(struct http_head *head, unsigned char c)
{
    if (c == ' ')
        head->method = find_method(head->text + end_word(head, IN_TARGET));
    else if (!is_token(c))
        refuse(head, 400, "the method is not a token");
    else if (head->len - head->word > METHOD_MAX)
        refuse(head, 501, "this method is not known here");
}

/* Which bytes a target may have, target.c knows; none has blanks and controls. A line that ends
 * after it is a request of HTTP/0.9. */
static void in_target(struct http_head *head, unsigned char c)
{
    size_t target_len = head->len - 1 - head->word;

    if ((c == ' ' || c == '\r') && target_len > 0)
        head->target = head->text + end_word(head, c == ' ' ? IN_VERSION : REQUEST_LINE_END);
    else if (c <= ' ' || c == 0x7f)
        refuse(head, 400, "there is no target, or a byte in it that no target has");
    else if (target_len == HTTP_TARGET_MAX)
        refuse(head, 414, "the target is too long");
}

static void in_version(struct http_head *head, unsigned char c)
{
    enum { MAJOR_AT = 5, MINOR_AT = 7 };
    static const char form[] = "HTTP/1.1\r";
    size_t at = head->len - 1 - head->word;

    if (at == MAJOR_AT && is_digit((char)c))
        head->major = c - (unsigned)'0';
    else if (at == MINOR_AT && is_digit((char)c))
        head->minor = c != '0';
    else if (c != (unsigned char)form[at])
        refuse(head, 400, "the request line does not end in a version");
    else if (c == '\r')
        head->state = REQUEST_LINE_END;
}

static void end_request_line(struct http_head *head, unsigned char c)
{
    end_line(head, c, BEFORE_FIELD);
    if (head->status != 0)
        return;
    if (head->major != 1)
        refuse(head, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    else if (head->method == HTTP_NO_METHOD)
        refuse(head, 501, "this method is not known here");
}

static void before_field(struct http_head *head, unsigned char c)
{
    head->word = head->len - 1;
    head->state = c == '\r' ? HEAD_END : IN_NAME;
    if (c == '\r')
        return;
    if (is_blank((char)c))
        refuse(head, 400, "a line begins with a blank");
    else if (!is_token(c))
        refuse(head, 400, "a field has no name");
    else if (head->field_count == HTTP_FIELDS_MAX)
        refuse(head, 431, "there are too many fields");
}

/* A blank before the colon is no part of the name to some, and one to others (RFC 9112 section
 * 5.1). */
static void in_name(struct http_head *head, unsigned char c)
{
    if (c == ':')
        head->fields[head->field_count].name = (uint16_t)end_word(head, IN_VALUE);
    else if (is_blank((char)c))
        refuse(head, 400, "there is a blank before a colon");
    else if (!is_token(c))
        refuse(head, 400, "the name of a field is not a token");
}

/* The value is the bytes from `word` up to the CR that has been read, without blanks around it. */
static void end_value(struct http_head *head)
{
    char *text = head->text;
    size_t first = head->word, end = head->len - 1;

    while (first < end && is_blank(text[first]))
        first++;
    while (end > first && is_blank(text[end - 1]))
        end--;
    text[end] = '\0';
    head->fields[head->field_count++].value = (uint16_t)first;
    head->state = FIELD_END;
}

static void in_value(struct http_head *head, unsigned char c)
{
    if (c == '\r')
        end_value(head);
    else if (!is_value(c))
        refuse(head, 400, "there is a control byte in a field");
}

/* RFC 9112 section 3.2. */
static void end_head(struct http_head *head, unsigned char c)
{
    end_line(head, c, HEAD_END);
    if (head->status != 0)
        return;
    head->whole = true;
    size_t hosts = http_head_count(head, "Host");
    if (hosts > 1)
        refuse(head, 400, "there is more than one Host");
    else if (hosts == 0 && head->minor > 0)
        refuse(head, 400, "there is no Host");
}

static void read_byte(struct http_head *head, unsigned char c)
{
    switch ((enum state)head->state) {
    case BEFORE_REQUEST:
        before_request(head, c);
        break;
    case EMPTY_LINE_END:
        end_line(head, c, BEFORE_REQUEST);
        break;
    case IN_METHOD:
        in_method(head, c);
        break;
    case IN_TARGET:
        in_target(head, c);
        break;
    case IN_VERSION:
        in_version(head, c);
        break;
    case REQUEST_LINE_END:
        end_request_line(head, c);
        break;
    case BEFORE_FIELD:
        before_field(head, c);
        break;
    case IN_NAME:
        in_name(head, c);
        break;
    case IN_VALUE:
        in_value(head, c);
        break;
    case FIELD_END:
        end_line(head, c, BEFORE_FIELD);
        break;
    case HEAD_END:
        end_head(head, c);
        break;
    }
}

size_t http_head_feed(struct http_head *head, const char *bytes, size_t len)
{
    size_t taken = 0;

    while (taken < len && !head->whole && head->status == 0) {
        char c = bytes[taken++];
        head->text[head->len++] = c;
        read_byte(head, (unsigned char)c);
        if (head->len == HTTP_HEAD_MAX && !head->whole && head->status == 0)
            refuse(head, 431, "the head is too long");
    }
    return taken;
}

/* ---- what was read ---- */

static bool is_named(const struct http_head *head, size_t field, const char *name)
{
    const char *own = head->text + head->fields[field].name;

    for (; *own != '\0' && lower(*own) == lower(*name); own++)
        name++;
    return *own == '\0' && *name == '\0';
}

const char *http_head_next(const struct http_head *head, const char *name, size_t *at)
{
    while (*at < head->field_count) {
        size_t field = (*at)++;
        if (is_named(head, field, name))
            return head->text + head->fields[field].value;
    }
    return NULL;
}

const char *http_head_value(const struct http_head *head, const char *name)
{
    size_t at = 0;

    return http_head_next(head, name, &at);
}

size_t http_head_count(const struct http_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++)
        count += is_named(head, i, name);
    return count;
}

/* Where the item ends that begins at `text`: at its comma, or the end. A comma in quotes is none
 * (RFC 9110 section 5.6.4). */
static const char *end_item(const char *text)
{
    bool quoted = false;

    for (; *text != '\0' && (quoted || *text != ','); text++) {
        if (*text == '"')
            quoted = !quoted;
        else if (quoted && *text == '\\' && text[1] != '\0')
            text++;
    }
    return text;
}

bool http_list_has(const char *value, const char *word)
{
    while (value != NULL && *value != '\0') {
        while (*value == ',' || is_blank(*value))
            value++;
        size_t len = 0;
        while (value[len] != '\0' && value[len] != ',' && value[len] != ';' &&
               !is_blank(value[len]))
            len++;
        if (len > 0 && http_is_word(value, len, word))
            return true;
        value = end_item(value);
    }
    return false;
}

/* Digits, and nothing else: no sign, no blanks, no list (RFC 9110 section 8.6, RFC 9112 section
 * 6.3). A number of any length is one, but no file is so long. */
static unsigned read_length(const char *text, uint64_t *length, const char **wrong)
{
    bool too_large = false;

    *length = 0;
    *wrong = "the Content-Length is not a number";
    if (*text == '\0')
        return 400;
    for (; *text != '\0'; text++) {
        if (!is_digit(*text))
            return 400;
        uint64_t digit = (uint64_t)(*text - '0');
        too_large = too_large || *length > (INT64_MAX - digit) / 10;
        *length = too_large ? 0 : *length * 10 + digit;
    }
    *wrong = "no file is so large";
    return too_large ? 413 : 0;
}

static unsigned no(unsigned status, const char *words, const char **wrong)
{
    *wrong = words;
    return status;
}

/* Where it is not in chunks in the end, nobody can tell how long the body is (RFC 9112
 * section 6.3); what else has been done to it before, this server could not undo. */
static unsigned read_coding(const char *coding, const char **wrong)
{
    const char *comma = strrchr(coding, ','), *last = comma == NULL ? coding : comma + 1;

    while (is_blank(*last))
        last++;
    if (!http_is_word(last, strlen(last), "chunked"))
        return no(400, "the Transfer-Encoding does not end in chunked", wrong);
    return last == coding ? 0 : no(501, "no Transfer-Encoding is known here but chunked", wrong);
}

/* What two recipients could take for two different lengths is refused (RFC 9112 section 6.3). */
static unsigned read_framing(const struct http_head *head, struct http_framing *framing,
                             const char **wrong)
{
    size_t codings = http_head_count(head, "Transfer-Encoding");
    size_t lengths = http_head_count(head, "Content-Length");

    if (codings > 0 && lengths > 0)
        return no(400, "there are a Transfer-Encoding and a Content-Length", wrong);
    if (codings > 0 && head->minor == 0)
        return no(400, "HTTP/1.0 has no Transfer-Encoding", wrong);
    if (lengths > 1)
        return no(400, "there is more than one Content-Length", wrong);
    if (codings > 1)
        return no(400, "there is more than one Transfer-Encoding", wrong);
    framing->chunked = codings > 0;
    framing->sized = lengths > 0;
    if (framing->chunked)
        return read_coding(http_head_value(head, "Transfer-Encoding"), wrong);
    if (framing->sized)
        return read_length(http_head_value(head, "Content-Length"), &framing->length, wrong);
    return 0;
}

/* RFC 9110 section 10.1.1: HTTP/1.0 has no such thing, and who says it there is not heard. */
static unsigned read_expectation(const struct http_head *head, struct http_framing *framing,
                                 const char **wrong)
{
    const char *expected = http_head_value(head, "Expect");

    if (head->minor == 0 || expected == NULL)
        return 0;
    if (http_head_count(head, "Expect") > 1 ||
        !http_is_word(expected, strlen(expected), "100-continue"))
        return no(417, "nothing can be expected here but 100-continue", wrong);
    framing->expects = true;
    return 0;
}

unsigned http_head_framing(const struct http_head *head, struct http_framing *framing,
                           const char **wrong)
{
    *framing = (struct http_framing){.length = 0};
    unsigned status = read_framing(head, framing, wrong);
    return status != 0 ? status : read_expectation(head, framing, wrong);
}
