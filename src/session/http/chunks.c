/* chunks.c - the framing of a body in chunks: no I/O (RFC 9112 section 7.1).
 *
 * Runs in: the worker (child process or thread); no state but what it is given.
 *
 * As strict about the ends of lines as head.c. Extensions are for nobody, and trailers, too: they
 * are read over, up to a bound. */
#include "session/http/chunks.h"

#include "session/http/head.h"

enum state {
    BEFORE_SIZE,
    IN_SIZE,
    BEFORE_EXTENSION, /* blanks, behind which only an extension may come (RFC 9112 section 7.1.1) */
    IN_EXTENSION,
    SIZE_END,
    IN_DATA,
    AFTER_DATA,
    DATA_END,
    BEFORE_TRAILER,
    IN_TRAILER,
    TRAILER_END,
    BODY_END,
    ENDED
};

void http_chunks_init(struct http_chunks *chunks)
{
    *chunks = (struct http_chunks){.state = BEFORE_SIZE};
}

static void fail(struct http_chunks *chunks, const char *wrong)
{
    chunks->wrong = wrong;
}

static void end_line(struct http_chunks *chunks, char c, enum state next)
{
    chunks->state = next;
    if (c != '\n')
        fail(chunks, "a carriage return without its line feed");
}

/* A byte of what is read over: any but those that something might take for a line end. */
static void read_over(struct http_chunks *chunks, char c, enum state here, enum state end)
{
    chunks->state = c == '\r' ? end : here;
    if (c != '\r' && c != '\t' && ((unsigned char)c < ' ' || c == 0x7f))
        fail(chunks, "there is a control byte between the chunks");
}

static void in_size(struct http_chunks *chunks, char c)
{
    int digit = http_hex_digit(c);

    if (digit >= 0) {
        chunks->state = IN_SIZE;
        if (chunks->left > INT64_MAX >> 4)
            fail(chunks, "no file is so large");
        chunks->left = chunks->left << 4 | (uint64_t)digit;
    } else if (chunks->state == BEFORE_SIZE) {
        fail(chunks, "a chunk has no size");
    } else if (c == '\r' || c == ';') {
        chunks->state = c == ';' ? IN_EXTENSION : SIZE_END;
    } else if (c == ' ' || c == '\t') {
        chunks->state = BEFORE_EXTENSION;
    } else {
        fail(chunks, "the size of a chunk is not a number");
    }
}

static void before_extension(struct http_chunks *chunks, char c)
{
    if (c == ';')
        chunks->state = IN_EXTENSION;
    else if (c != ' ' && c != '\t')
        fail(chunks, "the size of a chunk is not a number");
}

static void end_size(struct http_chunks *chunks, char c)
{
    end_line(chunks, c, chunks->left > 0 ? IN_DATA : BEFORE_TRAILER);
    chunks->line_len = 0;
}

/* The line of the next size begins. */
static void end_data(struct http_chunks *chunks, char c)
{
    end_line(chunks, c, BEFORE_SIZE);
    chunks->line_len = 0;
}

static void after_data(struct http_chunks *chunks, char c)
{
    chunks->state = DATA_END;
    if (c != '\r')
        fail(chunks, "a chunk is longer than its size");
}

static void read_byte(struct http_chunks *chunks, char c)
{
    switch ((enum state)chunks->state) {
    case BEFORE_SIZE:
    case IN_SIZE:
        in_size(chunks, c);
        break;
    case BEFORE_EXTENSION:
        before_extension(chunks, c);
        break;
    case IN_EXTENSION:
        read_over(chunks, c, IN_EXTENSION, SIZE_END);
        break;
    case SIZE_END:
        end_size(chunks, c);
        break;
    case AFTER_DATA:
        after_data(chunks, c);
        break;
    case DATA_END:
        end_data(chunks, c);
        break;
    case BEFORE_TRAILER:
        read_over(chunks, c, IN_TRAILER, BODY_END);
        break;
    case IN_TRAILER:
        read_over(chunks, c, IN_TRAILER, TRAILER_END);
        break;
    case TRAILER_END:
        end_line(chunks, c, BEFORE_TRAILER);
        break;
    case BODY_END:
        end_line(chunks, c, ENDED);
        break;
    case IN_DATA:
    case ENDED:
        break;
    }
}

/* Is this the line before a chunk, or one of those behind the last? */
static size_t line_max(const struct http_chunks *chunks)
{
    return chunks->state < IN_DATA ? HTTP_CHUNK_LINE_MAX : HTTP_TRAILERS_MAX;
}

static enum http_chunks_event state_event(const struct http_chunks *chunks)
{
    if (chunks->wrong != NULL)
        return HTTP_CHUNKS_WRONG;
    return chunks->state == ENDED ? HTTP_CHUNKS_END : HTTP_CHUNKS_MORE;
}

enum http_chunks_event http_chunks_feed(struct http_chunks *chunks, const char *bytes, size_t len,
                                        size_t *taken, const char **data, size_t *data_len)
{
    size_t at = 0;

    while (at < len && state_event(chunks) == HTTP_CHUNKS_MORE && chunks->state != IN_DATA) {
        char c = bytes[at++];
        if (chunks->line_len++ == line_max(chunks))
            fail(chunks, "there is too much between the chunks");
        else
            read_byte(chunks, c);
    }
    *taken = at;
    if (at == len || state_event(chunks) != HTTP_CHUNKS_MORE)
        return state_event(chunks);
    *data = bytes + at;
    *data_len = len - at < chunks->left ? len - at : (size_t)chunks->left;
    *taken += *data_len;
    chunks->left -= *data_len;
    if (chunks->left == 0)
        chunks->state = AFTER_DATA;
    return HTTP_CHUNKS_DATA;
}
