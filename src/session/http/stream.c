/* stream.c - the body of an answer that is made while it is sent.
 *
 * Runs in: the worker (child process or thread), never in the manager.
 * So:      no exit(), chdir(), umask(), static buffers. */
#include "session/http/stream.h"

#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>

static const char chunk_end[] = "\r\n", last_chunk[] = "0\r\n\r\n";

enum { SMALL_BYTES = 16 * 1024 /* what a socket takes at once */ };

/* A chunk and the last one behind it, or none, are one call and one packet. */
enum {
    BEFORE_CHUNK = 16, /* the size, in hexadecimal digits, and a line end */
    AFTER_CHUNK = sizeof chunk_end - 1 + sizeof last_chunk - 1
};

void stream_begin(struct stream *stream, struct exchange *x, struct answer *answer, void *memory,
                  size_t bytes)
{
    *stream = (struct stream){
        .x = x,
        .answer = answer,
        .bytes = (char *)memory + BEFORE_CHUNK,
        .room = bytes - BEFORE_CHUNK - AFTER_CHUNK,
    };
}

static bool is_chunked(const struct stream *stream)
{
    return stream->x->head.minor >= 1;
}

static void fail(struct stream *stream)
{
    stream->error = errno;
    stream->over = true;
}

/* HEAD is answered with the head alone, which is as for GET (RFC 9110 section 9.3.2). */
static void send_head(struct stream *stream)
{
    const struct session_config *config = stream->x->config;

    stream->begun = true;
    stream->pace = pace_start(stream->x->conn.fd, true, config->idle_ms, config->min_rate);
    if (answer_send(stream->x, stream->answer, NULL, 0, true) < 0)
        fail(stream);
    else if (stream->x->head.method == HTTP_HEAD)
        stream->over = true;
}

/* Sends all of it, while the client keeps up. Returns 0, or -1 with errno. */
static int send_in_pace(struct stream *stream, const char *bytes, size_t len)
{
    const int sock_fd = stream->x->conn.fd;

    while (len > 0) {
        ssize_t sent = send(sock_fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes += sent;
            len -= (size_t)sent;
            stream->sent += (uint64_t)sent;
            stream->pace.in_vain = 0;
        } else if (errno == EAGAIN) {
            if (pace_wait(&stream->pace, POLLOUT, pace_delivered(sock_fd, stream->sent)) < 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

static void send_bytes(struct stream *stream, const char *bytes, size_t len)
{
    struct claims *claims = stream->x->claims;

    if (stream->over || len == 0)
        return;
    claims->size = stream->made;
    if (send_in_pace(stream, bytes, len) < 0)
        fail(stream);
    else
        claims_moved(claims, stream->made);
}

/* Puts the size in front of what has been made. Returns where the chunk begins. */
static char *begin_chunk(const struct stream *stream)
{
    char size[BEFORE_CHUNK + 1];
    size_t digits = (size_t)snprintf(size, sizeof size, "%zx\r\n", stream->len);

    memcpy(stream->bytes - digits, size, digits);
    return stream->bytes - digits;
}

static char *add(char *end, const char *bytes, size_t len)
{
    memcpy(end, bytes, len);
    return end + len;
}

/* Sends what has been made, where that is not all of it, or not any more. */
static void send_piece(struct stream *stream, bool last)
{
    char *begin = stream->bytes, *end = stream->bytes + stream->len;

    if (is_chunked(stream) && stream->len > 0) {
        begin = begin_chunk(stream);
        end = add(end, chunk_end, sizeof chunk_end - 1);
    }
    if (is_chunked(stream) && last)
        end = add(end, last_chunk, sizeof last_chunk - 1);
    send_bytes(stream, begin, (size_t)(end - begin));
    stream->len = 0;
}

static void send_full(struct stream *stream)
{
    if (!stream->begun) {
        if (is_chunked(stream))
            answer_text(stream->answer, "Transfer-Encoding", "chunked");
        send_head(stream);
    }
    send_piece(stream, false);
}

void stream_put(struct stream *stream, const void *bytes, size_t len)
{
    const char *next = bytes;

    while (len > 0 && !stream->over) {
        if (stream->len == stream->room)
            send_full(stream);
        size_t free = stream->room - stream->len, part = len < free ? len : free;
        memcpy(stream->bytes + stream->len, next, part);
        stream->len += part;
        stream->made += part;
        next += part;
        len -= part;
    }
}

void stream_put_text(struct stream *stream, const char *text)
{
    stream_put(stream, text, strlen(text));
}

static void send_whole(struct stream *stream)
{
    const struct exchange *x = stream->x;

    answer_number(stream->answer, "Content-Length", stream->len);
    if (x->config->verbose && x->head.method != HTTP_HEAD)
        log_line("server sending %" PRIu64 " bytes", stream->made);
    send_head(stream);
    send_bytes(stream, stream->bytes, stream->len);
}

/* Waits until what is left in the socket is so little that nobody need wait for it. */
static void see_off(struct stream *stream)
{
    const int sock_fd = stream->x->conn.fd;

    while (!stream->over && stream->sent > SMALL_BYTES && io_wait(sock_fd, POLLOUT, 0) < 0)
        if (pace_wait(&stream->pace, POLLOUT, pace_delivered(sock_fd, stream->sent)) < 0)
            fail(stream);
}

int stream_end(struct stream *stream)
{
    if (!stream->begun)
        send_whole(stream);
    else if (!stream->over)
        send_piece(stream, true);
    see_off(stream);
    errno = stream->error;
    return stream->error == 0 ? 0 : -1;
}
