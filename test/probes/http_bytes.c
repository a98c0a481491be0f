/* http_bytes.c - what the parsers of HTTP, which have no I/O, make of bytes.
 *
 * Used by: test/http_parser.bats, as build/test/http_bytes. Linked with the parsers' own objects.
 * Usage:   http_bytes MODE [ARGUMENT...] <TABLE
 *            reads a table, whose lines are "EXPECTED | INPUT", or more columns; see below
 *          http_bytes fuzz head|chunks COUNT <TABLE
 *            takes the inputs, changes them at random COUNT times, and looks for what must hold
 *            whatever comes
 *          http_bytes bytes PLACE
 *            which of all bytes may stand at the "?" in PLACE, a head: one line of \xNN-\xNN
 * Prints:  how many lines were right; or each that was not (stderr)
 * Exit:    0 all went well, 1 something did not, 2 wrong usage.
 *
 * A column understands \n \r \t \0 \\ \xNN, \| for a bar, and \{N TEXT} for N times that. Empty
 * lines, and those that begin with "# ", say nothing. The modes, and what is expected:
 *
 *   head     of bytes:    "METHOD TARGET VERSION NAME=VALUE ... +REST", REST being bytes behind
 *                         the head; "more"; "STATUS"; or "STATUS@COUNT", where it must be known
 *                         after so many bytes
 *   chunks   of bytes:    "end BODY +REST", "more BODY", "wrong BODY", "wrong@COUNT BODY"
 *   target   of requests: "NAME FLAG ...", "STATUS"
 *   framing  of requests: "none", "5", "chunked", with " expects" behind it or not, "STATUS"
 *   gate OWN [GIVEN]...
 *            of requests: "0", "STATUS"
 *   encode   of a name, and perhaps how much room there is: the text
 *   list     of a list, and a word: "yes", "no"
 *
 * A request is "METHOD TARGET" or "METHOD TARGET VERSION", and a column for each of its fields.
 *
 * Bytes are cut into pieces, too: in every way into two, byte by byte, and in hundreds of ways at
 * random. Nothing may change. Each piece is given in memory of exactly its size, so that a
 * sanitizer sees who reads past it. */
#include "session/http/chunks.h"
#include "session/http/gate.h"
#include "session/http/head.h"
#include "session/http/target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WENT_WELL = 0, WENT_WRONG = 1, WRONG_USAGE = 2 };
enum {
    BYTES_MAX = 64 * 1024, /* of an input */
    TEXT_MAX = 4 * BYTES_MAX + 1024,
    COLUMNS_MAX = 80,
    CUTS_AT_RANDOM = 300,
    CUTS_MAX = 500 /* in two: of longer inputs, so many places are tried, and fewer at random */
};

struct bytes {
    size_t len;
    char at[BYTES_MAX];
};

struct text {
    size_t len;
    char at[TEXT_MAX];
};

static unsigned long line_no;
static int result = WENT_WELL;

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "http_bytes: line %lu: ", line_no);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    result = WENT_WRONG;
}

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text->at + text->len, sizeof text->at - text->len, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text->at - text->len)
        abort();
    text->len += (size_t)len;
}

static void start(struct text *text)
{
    text->len = 0;
    text->at[0] = '\0';
}

/* What can be seen as it is, and the rest as \xNN. */
static void add_bytes(struct text *text, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (text->len + 2 > sizeof text->at)
            abort();
        if (c >= ' ' && c < 0x7f && c != '\\')
            text->at[text->len++] = (char)c;
        else
            add(text, "\\x%02x", c);
    }
    text->at[text->len] = '\0';
}

static unsigned below(size_t bound)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (unsigned)((state >> 33) % bound);
}

/* What was in memory before it is initialised must not matter. */
static void soil(void *memory, size_t len)
{
    memset(memory, (int)below(256), len);
}

/* ---- the table ---- */

/* Whoever writes a table that cannot be read is told so. */
static void misread(const char *what)
{
    fprintf(stderr, "http_bytes: line %lu: %s\n", line_no, what);
    exit(WRONG_USAGE);
}

static void push(struct bytes *out, char c)
{
    if (out->len == BYTES_MAX)
        misread("too long");
    out->at[out->len++] = c;
}

static char hex_pair(const char *digits)
{
    const char pair[3] = {digits[0], digits[1], '\0'};
    return (char)strtoul(pair, NULL, 16);
}

/* Decodes the escape whose backslash is past; returns what is behind it. */
static const char *unescape_one(struct bytes *out, const char *text)
{
    static const char letters[] = "nrt0\\|";
    static const char meanings[] = "\n\r\t\0\\|";
    const char *letter = *text == '\0' ? NULL : strchr(letters, *text);

    if (*text == 'x' && text[1] != '\0' && text[2] != '\0') {
        push(out, hex_pair(text + 1));
        return text + 3;
    }
    if (letter == NULL)
        misread("wrong escape");
    else
        push(out, meanings[letter - letters]);
    return text + 1;
}

/* What is in `out` from `first` on is there `count` times. */
static void repeat(struct bytes *out, size_t first, unsigned long count)
{
    size_t end = out->len;

    if (count == 0)
        out->len = first;
    for (; count > 1; count--)
        for (size_t i = first; i < end; i++)
            push(out, out->at[i]);
}

static void unescape(struct bytes *out, const char *text)
{
    bool repeats = false;
    unsigned long count = 0;
    size_t first = 0;

    while (*text != '\0') {
        if (text[0] == '\\' && text[1] == '{') {
            char *end;
            count = strtoul(text + 2, &end, 10);
            first = out->len;
            repeats = true;
            text = end + (*end == ' ');
        } else if (repeats && *text == '}') {
            repeat(out, first, count);
            repeats = false;
            text++;
        } else if (*text == '\\') {
            text = unescape_one(out, text + 1);
        } else {
            push(out, *text++);
        }
    }
    if (repeats)
        misread("a repetition without its end");
}

/* Cuts the line, in place, at each " | ", without the blanks that align the columns. */
static size_t split(char *line, char **columns)
{
    size_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    while (line != NULL && count < COLUMNS_MAX) {
        char *bar = strstr(line, " | ");
        char *end = bar != NULL ? bar : line + strlen(line);
        while (end > line && end[-1] == ' ')
            end--;
        *end = '\0';
        columns[count++] = line;
        line = bar != NULL ? bar + 3 : NULL;
    }
    return count;
}

/* ---- cutting into pieces ---- */

struct cut {
    enum { AT_ONCE, BYTEWISE, IN_TWO, AT_RANDOM } how;
    size_t first; /* IN_TWO: bytes of the first piece */
};

static size_t piece_len(const struct cut *cut, size_t at, size_t len)
{
    size_t most = len - at;

    if (cut->how == BYTEWISE)
        return 1;
    if (cut->how == IN_TWO && at == 0 && cut->first > 0)
        return cut->first;
    if (cut->how != AT_RANDOM)
        return most;
    size_t piece = 1 + below(below(2) == 0 ? 4 : 64);
    return piece < most ? piece : most;
}

/* A copy in memory of its own, with nothing behind it; freed by the caller. */
static char *copy_piece(const struct bytes *bytes, size_t at, size_t len)
{
    char *piece = malloc(len > 0 ? len : 1);

    if (piece == NULL)
        abort();
    memcpy(piece, bytes->at + at, len);
    return piece;
}

typedef void reader(const struct bytes *bytes, const struct cut *cut, struct text *out);

/* Compares with the same bytes, otherwise cut. */
static void compare(reader *read_bytes, const struct bytes *bytes, const struct text *at_once,
                    const struct cut *cut)
{
    static struct text out;

    start(&out);
    read_bytes(bytes, cut, &out);
    if (out.len != at_once->len || memcmp(out.at, at_once->at, out.len) != 0)
        wrong("cut in way %d (%zu): \"%.300s\", and in one piece \"%.300s\"", (int)cut->how,
              cut->first, out.at, at_once->at);
}

/* Reads at once and in pieces; `out` is what was read at once. */
static void read_in_every_way(reader *read_bytes, const struct bytes *bytes, struct text *out)
{
    size_t step = bytes->len / CUTS_MAX + 1;

    read_bytes(bytes, &(struct cut){AT_ONCE, 0}, out);
    compare(read_bytes, bytes, out, &(struct cut){BYTEWISE, 0});
    for (size_t first = 1; first < bytes->len; first += step)
        compare(read_bytes, bytes, out, &(struct cut){IN_TWO, first});
    for (int i = 0; i < (step == 1 ? CUTS_AT_RANDOM : CUTS_AT_RANDOM / 10); i++)
        compare(read_bytes, bytes, out, &(struct cut){AT_RANDOM, 0});
}

/* ---- head ---- */

static void feed_head(struct http_head *head, const struct bytes *bytes, const struct cut *cut)
{
    size_t at = 0;

    soil(head, sizeof *head);
    http_head_init(head);
    while (at < bytes->len && !head->whole && head->status == 0) {
        size_t len = piece_len(cut, at, bytes->len);
        char *piece = copy_piece(bytes, at, len);
        size_t taken = http_head_feed(head, piece, len);
        free(piece);
        if (taken > len || (taken < len && !head->whole && head->status == 0))
            wrong("%zu of %zu bytes were taken", taken, len);
        at += taken;
    }
    if (at != head->len)
        wrong("%zu bytes were taken, and %zu counted", at, head->len);
}

static void add_fields(struct text *out, const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const char *value = head->text + head->fields[i].value;
        add(out, " %s=", head->text + head->fields[i].name);
        add_bytes(out, value, strlen(value));
    }
}

static void read_head(const struct bytes *bytes, const struct cut *cut, struct text *out)
{
    static const char *const methods[HTTP_METHODS] = {
        [HTTP_NO_METHOD] = "",  [HTTP_GET] = "GET",       [HTTP_HEAD] = "HEAD",
        [HTTP_PUT] = "PUT",     [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
        [HTTP_MKCOL] = "MKCOL",
    };
    static struct http_head head;

    feed_head(&head, bytes, cut);
    if (head.status != 0) {
        add(out, "%u@%zu %s", head.status, head.len, head.wrong);
        return;
    }
    if (!head.whole) {
        add(out, "more");
        return;
    }
    if (strcmp(http_head_method(&head), methods[head.method]) != 0)
        wrong("the method is %s, and was sent as %s", methods[head.method],
              http_head_method(&head));
    add(out, "%s ", http_head_method(&head));
    add_bytes(out, head.target, strlen(head.target));
    add(out, " 1.%u", head.minor);
    add_fields(out, &head);
    if (head.len < bytes->len) {
        add(out, " +");
        add_bytes(out, bytes->at + head.len, bytes->len - head.len);
    }
}

/* ---- chunks ---- */

static enum http_chunks_event feed_chunks(struct http_chunks *chunks, const char *piece, size_t len,
                                          struct text *body, size_t *at)
{
    enum http_chunks_event event = HTTP_CHUNKS_MORE;

    do {
        const char *data = NULL;
        size_t taken = 0, data_len = 0;
        event = http_chunks_feed(chunks, piece + *at, len - *at, &taken, &data, &data_len);
        *at += taken;
        if (event == HTTP_CHUNKS_DATA)
            add_bytes(body, data, data_len);
    } while (event == HTTP_CHUNKS_DATA);
    if (event == HTTP_CHUNKS_MORE && *at != len)
        wrong("there is more to read, and not all was taken");
    return event;
}

static void read_chunks(const struct bytes *bytes, const struct cut *cut, struct text *out)
{
    static struct text body;
    struct http_chunks chunks;
    enum http_chunks_event event = HTTP_CHUNKS_MORE;
    size_t at = 0;

    start(&body);
    soil(&chunks, sizeof chunks);
    http_chunks_init(&chunks);
    while (at < bytes->len && event == HTTP_CHUNKS_MORE) {
        size_t len = piece_len(cut, at, bytes->len), taken = 0;
        char *piece = copy_piece(bytes, at, len);
        event = feed_chunks(&chunks, piece, len, &body, &taken);
        free(piece);
        at += taken;
    }
    if (event == HTTP_CHUNKS_WRONG) {
        add(out, "wrong@%zu", at);
        if (chunks.wrong == NULL)
            wrong("nothing is said of what is wrong");
    } else {
        add(out, event == HTTP_CHUNKS_END ? "end" : "more");
    }
    add(out, body.len > 0 ? " %s" : "%s", body.at);
    if (event == HTTP_CHUNKS_END && at < bytes->len) {
        add(out, " +");
        add_bytes(out, bytes->at + at, bytes->len - at);
    }
}

/* ---- a line of each table ---- */

static struct http_names names;

/* Makes a request of "METHOD TARGET [VERSION]" and the fields behind it, and reads it. */
static void read_request(char **columns, size_t count, struct http_head *head)
{
    static struct bytes bytes;
    bool has_version = strstr(columns[0], " HTTP/") != NULL;

    bytes.len = 0;
    for (size_t i = 0; i < count; i++) {
        unescape(&bytes, columns[i]);
        unescape(&bytes, i == 0 && !has_version ? " HTTP/1.1\r\n" : "\r\n");
    }
    unescape(&bytes, "\\r\\n");
    feed_head(head, &bytes, &(struct cut){AT_ONCE, 0});
}

/* The same where the table does not care for Host. */
static void read_anonymous(char **columns, size_t count, struct http_head *head)
{
    static char host[] = "Host: a";

    columns[count] = host;
    read_request(columns, count + 1, head);
    if (!head->whole || head->status != 0)
        wrong("this is no head: %u", head->status);
}

static void check_head(char **columns, size_t count, struct text *out)
{
    static struct bytes bytes;

    (void)count;
    bytes.len = 0;
    unescape(&bytes, columns[0]);
    read_in_every_way(read_head, &bytes, out);
    if (out->at[0] >= '1' && out->at[0] <= '9') /* the words are not in the table */
        *strchr(out->at, ' ') = '\0';
}

static void check_chunks(char **columns, size_t count, struct text *out)
{
    static struct bytes bytes;

    (void)count;
    bytes.len = 0;
    unescape(&bytes, columns[0]);
    read_in_every_way(read_chunks, &bytes, out);
}

static void check_target(char **columns, size_t count, struct text *out)
{
    static struct http_head head;
    static struct http_target target;
    const char *words = NULL;

    soil(&target, sizeof target);
    read_anonymous(columns, count, &head);
    unsigned status = http_target_parse(&target, &head, &words);
    if (status != 0) {
        add(out, "%u", status);
        if (words == NULL)
            wrong("nothing is said of what is wrong");
        return;
    }
    add_bytes(out, target.name, strlen(target.name));
    add(out, "%s%s%s%s", target.directory ? " directory" : "",
        target.name[0] == '\0' ? " asterisk" : "", target.json ? " json" : "",
        target.download ? " download" : "");
    if (target.authority != NULL)
        add(out, " authority=%.*s", (int)target.authority_len, target.authority);
    if (target.query != NULL)
        add(out, " query=%s", target.query);
    if (target.spare_slashes > 0)
        add(out, " spare=%zu", target.spare_slashes);
}

static void check_framing(char **columns, size_t count, struct text *out)
{
    static struct http_head head;
    struct http_framing framing;
    const char *words = NULL;

    soil(&framing, sizeof framing);
    read_anonymous(columns, count, &head);
    unsigned status = http_head_framing(&head, &framing, &words);
    if (status != 0) {
        add(out, "%u", status);
        if (words == NULL)
            wrong("nothing is said of what is wrong");
        return;
    }
    if (framing.sized)
        add(out, "%ju", (uintmax_t)framing.length);
    else
        add(out, framing.chunked ? "chunked" : "none");
    add(out, framing.expects ? " expects" : "");
}

static void check_gate(char **columns, size_t count, struct text *out)
{
    static struct http_head head;
    static struct http_target target;
    const char *words = NULL;

    read_request(columns, count, &head);
    if (!head.whole || head.status != 0) {
        add(out, "%u", head.status);
        return;
    }
    if (http_target_parse(&target, &head, &words) != 0)
        wrong("this is no target: %s", words);
    unsigned status = http_gate(&names, &head, &target, &words);
    add(out, "%u", status);
    if (status != 0 && words == NULL)
        wrong("nothing is said of what is wrong");
}

static void check_encode(char **columns, size_t count, struct text *out)
{
    static struct bytes name;
    size_t room = count > 1 ? strtoul(columns[1], NULL, 10) : sizeof name.at;
    char *text = malloc(room > 0 ? room : 1);

    name.len = 0;
    unescape(&name, columns[0]);
    if (text == NULL)
        abort();
    size_t len = http_target_encode(text, room, name.at, name.len);
    if (room > 0 && strlen(text) != len)
        wrong("the length is not that of the text");
    add(out, "%.*s", (int)len, text);
    free(text);
}

static void check_list(char **columns, size_t count, struct text *out)
{
    add(out, "%s", http_list_has(columns[0], columns[count - 1]) ? "yes" : "no");
}

static const struct mode {
    const char *name;
    void (*check)(char **columns, size_t count, struct text *out);
} modes[] = {
    {"head", check_head},       {"chunks", check_chunks}, {"target", check_target},
    {"framing", check_framing}, {"gate", check_gate},     {"encode", check_encode},
    {"list", check_list},
};

/* Is it what was expected? Where that says nothing of where it was known, it does not matter. */
static bool is_as_expected(const char *expected, char *got)
{
    char *at = strchr(got, '@');

    if (at != NULL && strchr(expected, '@') == NULL) {
        size_t len = strspn(at + 1, "0123456789") + 1;
        memmove(at, at + len, strlen(at + len) + 1);
    }
    return strcmp(expected, got) == 0;
}

/* Returns the next line that says something, cut into columns; 0: there is none. */
static size_t next_line(char **columns)
{
    static char line[BYTES_MAX];

    while (fgets(line, sizeof line, stdin) != NULL) {
        line_no++;
        if (line[0] != '\n' && strncmp(line, "# ", 2) != 0)
            return split(line, columns);
    }
    return 0;
}

static void check_table(const struct mode *mode)
{
    static struct text got, expected;
    static struct bytes bytes;
    char *columns[COLUMNS_MAX + 1];
    unsigned long right = 0;
    size_t count;

    while ((count = next_line(columns)) > 0) {
        if (count < 2)
            misread("there is no input");
        start(&got);
        start(&expected);
        bytes.len = 0;
        unescape(&bytes, columns[0]);
        add_bytes(&expected, bytes.at, bytes.len);
        mode->check(columns + 1, count - 1, &got);
        if (is_as_expected(expected.at, got.at))
            right++;
        else
            wrong("got \"%.500s\", expected \"%.500s\"", got.at, expected.at);
    }
    printf("%lu right\n", right);
}

/* ---- bytes ---- */

/* Is PLACE a head that is not refused, with this byte for its "?"? */
static bool may_stand(const char *place, unsigned char c)
{
    static struct http_head head;
    static struct bytes bytes;

    bytes.len = 0;
    unescape(&bytes, place);
    char *mark = memchr(bytes.at, '?', bytes.len);
    if (mark == NULL)
        exit(WRONG_USAGE);
    *mark = (char)c;
    feed_head(&head, &bytes, &(struct cut){AT_ONCE, 0});
    return head.status == 0 && head.whole;
}

static void show_bytes(const char *place)
{
    for (unsigned c = 0; c < 256; c++) {
        unsigned first = c;
        while (c < 256 && may_stand(place, (unsigned char)c))
            c++;
        if (c > first + 1)
            printf("\\x%02x-\\x%02x ", first, c - 1);
        else if (c > first)
            printf("\\x%02x ", first);
    }
    putchar('\n');
}

/* ---- fuzz ---- */

enum { SEEDS_MAX = 400 };
static struct {
    size_t len;
    char *at;
} seeds[SEEDS_MAX];
static size_t seed_count;

static void keep_seeds(void)
{
    static struct bytes bytes;
    char *columns[COLUMNS_MAX + 1];

    while (next_line(columns) > 1 && seed_count < SEEDS_MAX) {
        bytes.len = 0;
        unescape(&bytes, columns[1]);
        seeds[seed_count].len = bytes.len;
        seeds[seed_count++].at = copy_piece(&bytes, 0, bytes.len);
    }
    if (seed_count == 0) {
        fputs("http_bytes: there is no table\n", stderr);
        exit(WRONG_USAGE);
    }
}

static void insert(struct bytes *bytes, size_t at, const char *what, size_t len)
{
    if (bytes->len + len > BYTES_MAX)
        return;
    memmove(bytes->at + at + len, bytes->at + at, bytes->len - at);
    memcpy(bytes->at + at, what, len);
    bytes->len += len;
}

/* Something that means something to a parser. */
static void insert_word(struct bytes *bytes, size_t at)
{
    static const char *const words[] = {"\r",    "\n",       "\r\n",       "\r\n\r\n",
                                        ":",     " ",        "\t",         "%",
                                        "%2e",   "..",       "/",          "%2F",
                                        "//",    "HTTP/",    "http://a@b", "#",
                                        "?",     "\x80",     ",",          ";",
                                        "\"",    "0",        "f",          "Host: a\r\n",
                                        "\x7f",  "json",     "&download=", "=",
                                        "[::1]", "+",        "7fffffff",   "FFFFFFFFFFFFFFF",
                                        "GET ",  "chunked",  "\xff",       "-1",
                                        "%00",   "localhost"};
    const char *word = words[below(sizeof words / sizeof words[0])];

    insert(bytes, at, word, strlen(word));
}

static void change(struct bytes *bytes)
{
    size_t at = below(bytes->len + 1), left = bytes->len - at;
    size_t some = left == 0 ? 0 : 1 + below(left < 20 ? left : 20);
    size_t other = below(seed_count);

    switch (below(7)) {
    case 0:
        if (left > 0)
            bytes->at[at] = (char)below(256);
        break;
    case 1:
        if (left > 0)
            bytes->at[at] = (char)(bytes->at[at] ^ 1 << below(8));
        break;
    case 2:
        memmove(bytes->at + at, bytes->at + at + some, left - some);
        bytes->len -= some;
        break;
    case 3:
        insert_word(bytes, at);
        break;
    case 4: { /* once more */
        char again[20];
        memcpy(again, bytes->at + at, some);
        insert(bytes, at, again, some);
        break;
    }
    case 5:
        insert(bytes, at, "\0", 1);
        break;
    default: /* the rest of another one */
        if (seeds[other].len > 0 && seeds[other].len < 1000) {
            size_t from = below(seeds[other].len);
            bytes->len = at;
            insert(bytes, at, seeds[other].at + from, seeds[other].len - from);
        }
        break;
    }
}

static void make_input(struct bytes *bytes)
{
    size_t seed = below(seed_count);

    /* The long ones take their time, and are not the ones in which there is much to change. */
    if (seeds[seed].len > 1000 && below(20) != 0)
        seed = below(seed_count);
    bytes->len = 0;
    insert(bytes, 0, seeds[seed].at, seeds[seed].len);
    for (unsigned changes = 1 + below(4); changes > 0; changes--)
        change(bytes);
}

static bool has_parent(const char *name)
{
    size_t len = strlen(name);

    return strcmp(name, "..") == 0 || strncmp(name, "../", 3) == 0 || strstr(name, "/../") ||
           (len > 3 && strcmp(name + len - 3, "/..") == 0);
}

/* Whoever links to the name that was read asks for it. */
static void check_link(const struct http_target *target)
{
    static struct http_head head;
    static struct http_target again;
    static struct bytes bytes;
    static char path[3 * PROTO_REQUEST_MAX + 1];
    const char *words = NULL;
    size_t len = http_target_encode(path, sizeof path, target->name, strlen(target->name));

    bytes.len = 0;
    insert(&bytes, 0, "GET /", 5);
    insert(&bytes, bytes.len, path, len);
    insert(&bytes, bytes.len, " HTTP/1.0\r\n\r\n", 13);
    feed_head(&head, &bytes, &(struct cut){AT_ONCE, 0});
    if (!head.whole || head.status != 0 || http_target_parse(&again, &head, &words) != 0 ||
        strcmp(again.name, target->name) != 0)
        wrong("the name %s cannot be asked for as %s", target->name, path);
}

/* What storage.c and those who answer may rely on. */
static void check_name(const struct http_target *target)
{
    size_t len = strlen(target->name);

    if (len == 0) /* "*" */
        return;
    if (len > PROTO_REQUEST_MAX || target->name[0] == '/' || target->name[len - 1] == '/' ||
        has_parent(target->name))
        wrong("the name is \"%s\"", target->name);
    check_link(target);
}

/* A whole head goes on to those who look at it next. */
static void check_rest(const struct bytes *bytes)
{
    static struct http_head head;
    static struct http_target target;
    struct http_framing framing;
    const char *words = NULL;

    feed_head(&head, bytes, &(struct cut){AT_ONCE, 0});
    if (!head.whole || head.status != 0)
        return;
    for (size_t i = 0; i < head.field_count; i++) {
        const char *name = head.text + head.fields[i].name;
        const char *value = head.text + head.fields[i].value;
        if (*name == '\0' || strpbrk(name, " \t\r\n:") != NULL || strpbrk(value, "\r\n") != NULL ||
            (size_t)(value - head.text) + strlen(value) >= head.len)
            wrong("a field is \"%s\": \"%s\"", name, value);
    }
    (void)http_head_framing(&head, &framing, &words);
    soil(&target, sizeof target);
    if (http_target_parse(&target, &head, &words) == 0) {
        check_name(&target);
        (void)http_gate(&names, &head, &target, &words);
    }
}

static void fuzz(reader *read_bytes, unsigned long count)
{
    static struct bytes bytes;
    static struct text at_once;

    keep_seeds();
    for (line_no = 1; line_no <= count && result == WENT_WELL; line_no++) {
        make_input(&bytes);
        start(&at_once);
        read_bytes(&bytes, &(struct cut){AT_ONCE, 0}, &at_once);
        compare(read_bytes, &bytes, &at_once, &(struct cut){BYTEWISE, 0});
        compare(read_bytes, &bytes, &at_once, &(struct cut){IN_TWO, below(bytes.len + 1)});
        compare(read_bytes, &bytes, &at_once, &(struct cut){AT_RANDOM, 0});
        if (read_bytes == read_head)
            check_rest(&bytes);
    }
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].at);
    if (result == WENT_WELL)
        printf("%lu right\n", count);
}

/* ---- from arguments to a mode ---- */

static int usage(void)
{
    fputs("usage: http_bytes head|chunks|target|framing|encode|list <TABLE\n"
          "       http_bytes gate OWN [GIVEN]... <TABLE\n"
          "       http_bytes bytes PLACE\n"
          "       http_bytes fuzz head|chunks COUNT <TABLE\n",
          stderr);
    return WRONG_USAGE;
}

static void take_names(int argc, char **argv)
{
    if (argc > 2)
        (void)snprintf(names.own, sizeof names.own, "%s", argv[2]);
    for (int i = 3; i < argc && names.given_count < HTTP_NAMES_MAX; i++)
        names.given[names.given_count++] = argv[i];
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "bytes") == 0) {
        show_bytes(argv[2]);
        return result;
    }
    if (argc == 4 && strcmp(argv[1], "fuzz") == 0) {
        fuzz(strcmp(argv[2], "head") == 0 ? read_head : read_chunks, strtoul(argv[3], NULL, 10));
        return result;
    }
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[1], modes[i].name) != 0)
            continue;
        take_names(argc, argv);
        check_table(&modes[i]);
        return result;
    }
    return usage();
}
