/* body.c - the body of a request, on its way into a file.
 *
 * Runs in: the worker (child process or thread), never in the manager.
 * So:      no exit(), chdir(), umask(), static buffers. */
#include "session/http/body.h"

#include "common/log.h"
#include "common/pace.h"
#include "common/transfer.h"
#include "session/http/answer.h"
#include "session/http/chunks.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>

enum { BLOCK_BYTES = 16 * 1024 /* the buffer; on the stack, which may be a small one */ };

bool http_has_body(const struct exchange *x)
{
    return x->framing.chunked || x->framing.length > 0;
}

static void log_receiving(const struct exchange *x, uint64_t size)
{
    if (x->config->verbose)
        log_line("server receiving %" PRIu64 " bytes", size);
}

/* The body does not come, for the reason that errno gives. Who is still there is told. */
static void lose_body(struct exchange *x)
{
    if (errno == ETIMEDOUT)
        answer_refuse(x, 408, errno, "the body did not come in time");
    else if (errno == ETIME)
        answer_refuse(x, 408, errno, "the body came too slowly");
    else
        answer_break_off(x);
}

/* Whose first bytes have come does not wait for leave (RFC 9110 section 10.1.1). Returns 0, or -1
 * with errno. */
static int let_go_on(struct exchange *x)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (!x->framing.expects || io_unread(&x->conn) > 0)
        return 0;
    return io_send_all(x->conn.fd, go_on, sizeof go_on - 1, http_turn_deadline(x));
}

/* ---- of a length that is known ---- */

static int receive_sized(struct exchange *x, int file_fd)
{
    const struct transfer transfer = {
        .conn = &x->conn,
        .file_fd = file_fd,
        .size = x->framing.length,
        .idle_ms = x->config->idle_ms,
        .min_rate = x->config->min_rate,
        .reads_zero = true,
        .on_progress = claims_moved,
        .arg = x->claims,
    };

    log_receiving(x, transfer.size);
    x->claims->size = transfer.size;
    switch (transfer_receive(&transfer)) {
    case TRANSFER_DONE:
        return 0;
    case TRANSFER_FILE:
        answer_refuse_error(x, errno, "store");
        return -1;
    default:
        lose_body(x);
        return -1;
    }
}

/* ---- in chunks (RFC 9112 section 7.1) ---- */

/* A body in chunks, on its way in. Only data count as moved: who sends nothing but framing keeps us
 * waiting. */
struct inflow {
    struct exchange *x;
    int file_fd;
    struct pace pace; /* of the whole, however many chunks it comes in */
    struct http_chunks chunks;
    uint64_t moved; /* bytes of data */
};

/* How far a block of bytes, or the wait for one, has brought the body. */
enum progress {
    GOES_ON,
    IS_WHOLE,
    IS_OVER /* without being whole; the client was told, or has gone */
};

/* Returns 0, or -1 and the client was told. */
static int store(struct inflow *in, const char *data, size_t len)
{
    int error = 0;

    if (len > in->x->config->max_size - in->moved)
        error = EFBIG;
    else if (io_write_all(in->file_fd, data, len) < 0)
        error = errno;
    if (error != 0) {
        answer_refuse_error(in->x, error, "store");
        return -1;
    }
    in->moved += len;
    in->x->claims->size = in->moved; /* as far as is known */
    claims_moved(in->x->claims, in->moved);
    return 0;
}

/* Brings the data in the block together at its beginning, so that chunks may be as small as they
 * like, and *data_len is how much there is. What follows the last chunk is nobody's: there is one
 * request to a connection. */
static enum http_chunks_event unpack(struct http_chunks *chunks, char *block, size_t len,
                                     size_t *data_len)
{
    enum http_chunks_event event = HTTP_CHUNKS_MORE;

    *data_len = 0;
    for (size_t at = 0, taken = 0; at < len; at += taken) {
        const char *data = NULL;
        size_t found = 0;
        event = http_chunks_feed(chunks, block + at, len - at, &taken, &data, &found);
        if (event == HTTP_CHUNKS_END || event == HTTP_CHUNKS_WRONG)
            break;
        if (event == HTTP_CHUNKS_DATA)
            memmove(block + *data_len, data, found);
        *data_len += found;
    }
    return event;
}

static enum progress take_block(struct inflow *in, char *block, size_t len)
{
    size_t data_len = 0;
    enum http_chunks_event event = unpack(&in->chunks, block, len, &data_len);

    if (event == HTTP_CHUNKS_WRONG) {
        answer_refuse(in->x, 400, EPROTO, "%s", in->chunks.wrong);
        return IS_OVER;
    }
    if (data_len > 0 && store(in, block, data_len) < 0)
        return IS_OVER;
    return event == HTTP_CHUNKS_END ? IS_WHOLE : GOES_ON;
}

/* After one of the pace's functions. */
static enum progress unless_lost(struct inflow *in, bool lost)
{
    if (lost)
        lose_body(in->x);
    return lost ? IS_OVER : GOES_ON;
}

/* One turn: some bytes, or a wait for some. */
__attribute__((noinline)) static enum progress receive_block(struct inflow *in)
{
    char block[BLOCK_BYTES];
    struct io_conn *conn = &in->x->conn;

    ssize_t got = (ssize_t)io_take(conn, block, sizeof block);
    if (got == 0)
        got = recv(conn->fd, block, sizeof block, MSG_DONTWAIT);
    if (got <= 0)
        return unless_lost(in, pace_await(&in->pace, got, in->moved) < 0);
    enum progress progress = take_block(in, block, (size_t)got);
    return progress == GOES_ON ? unless_lost(in, pace_keep(&in->pace, in->moved) < 0) : progress;
}

static int receive_chunks(struct exchange *x, int file_fd)
{
    enum progress progress = GOES_ON;
    struct inflow in = {
        .x = x,
        .file_fd = file_fd,
        .pace = pace_start(x->conn.fd, false, x->config->idle_ms, x->config->min_rate),
    };

    http_chunks_init(&in.chunks);
    while (progress == GOES_ON)
        progress = receive_block(&in);
    if (progress == IS_OVER)
        return -1;
    log_receiving(x, in.moved);
    return 0;
}

int http_receive_body(struct exchange *x, struct staged *upload)
{
    /* How much comes in chunks is not known before it is there. */
    if (!x->framing.chunked && staged_reserve(upload, x->framing.length) < 0) {
        answer_refuse_error(x, errno, "store");
        return -1;
    }
    if (let_go_on(x) < 0) {
        answer_break_off(x);
        return -1;
    }
    return x->framing.chunked ? receive_chunks(x, upload->fd) : receive_sized(x, upload->fd);
}
