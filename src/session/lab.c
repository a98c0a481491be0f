/* lab.c - one client's conversation, from READY to DONE.
 *
 * Runs in: the worker (child process or thread), never in the manager.
 * So:      no exit(), chdir(), umask(), static buffers. */
#include "session/lab.h"

#include "common/io.h"
#include "common/log.h"
#include "common/proto.h"
#include "common/text.h"
#include "common/transfer.h"
#include "session/storage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

enum { TAIL_MS = 50 /* how long a late rest of an unterminated request may take */ };

struct session {
    const struct session_config *config;
    struct claims *claims; /* shared with the parent */
    struct io_conn conn;
    bool ended;                          /* the client has half-closed or closed */
    char request[PROTO_REQUEST_MAX + 1]; /* without its terminator; NUL-terminated */
    size_t request_len;
    size_t consumed; /* bytes of `conn` that the request and its terminator take */
    bool repeated;   /* the request came twice in a row */
    bool terminated; /* nothing that comes later can belong to the request */
    struct proto_request parsed;
};

static int64_t turn_deadline(const struct session *s)
{
    return io_now_ms() + s->config->turn_ms;
}

/* The same, for a turn of which nothing has been read. */
static int64_t begin_turn(struct session *s)
{
    io_be_patient(&s->conn);
    return turn_deadline(s);
}

/* A client that does not listen any more is no failure yet: it may have said all it has to say and
 * left. What it did not say, the next turn will miss. */
static int say(struct session *s, const void *words, size_t len)
{
    int outcome = io_send_all(s->conn.fd, words, len, turn_deadline(s));
    return outcome < 0 && (errno == EPIPE || errno == ECONNRESET) ? 0 : outcome;
}

/* The length of a constant is a constant where this is inlined. */
__attribute__((always_inline)) static inline int say_word(struct session *s, const char *word)
{
    return say(s, word, strlen(word));
}

static int say_size(struct session *s, uint64_t size)
{
    unsigned char wire[PROTO_SIZE_LEN];
    proto_put_size(wire, size);
    return say(s, wire, sizeof wire);
}

/* What was asked is done, whether or not the client stays to hear it. */
static enum outcome finish_done(struct session *s)
{
    (void)claims_end(s->claims, OUTCOME_DONE, 0);
    (void)say_word(s, PROTO_DONE);
    return OUTCOME_DONE;
}

/* `error` says why, to those at home; to the client, `format`, one of the PROTO_* texts; its %s,
 * where it has one, is the name. */
__attribute__((format(printf, 3, 4))) static enum outcome refuse(struct session *s, int error,
                                                                 const char *format, ...)
{
    char reply[PROTO_REPLY_MAX] = PROTO_ERROR;
    const size_t prefix = sizeof PROTO_ERROR - 1;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reply + prefix, sizeof reply - prefix, format, args);
    va_end(args);
    /* `reply` has room for more than that. */
    memcpy(s->claims->error, reply + prefix, sizeof s->claims->error - 1);
    (void)claims_end(s->claims, OUTCOME_REFUSED, error);
    (void)say_word(s, reply);
    return OUTCOME_REFUSED;
}

/* Some clients send their request twice in a row, without an end. That is one request. */
static bool is_repeated(const char *bytes, size_t len)
{
    struct proto_request once;
    const size_t half = len / 2;

    return len % 2 == 0 && memcmp(bytes, bytes + half, half) == 0 &&
           proto_parse(bytes, half, &once) == PROTO_REQUEST;
}

/* Takes the bytes read so far for the request, up to a line end if there is one. */
static enum proto_parse look_at_request(struct session *s)
{
    const char *bytes = s->conn.buf + s->conn.start;
    size_t unread = io_unread(&s->conn);
    const char *line_end = memchr(bytes, '\n', unread);
    size_t len = line_end != NULL ? (size_t)(line_end - bytes) : unread;

    s->consumed = line_end != NULL ? len + 1 : len;
    if (len > 0 && bytes[len - 1] == '\r') /* of a CR LF, whose LF may still be on its way */
        len--;
    bool too_long = len > PROTO_REQUEST_MAX;
    s->terminated = line_end != NULL || too_long || s->ended;
    s->repeated = line_end == NULL && !too_long && is_repeated(bytes, len);
    if (s->repeated)
        len /= 2;
    s->request_len = too_long ? PROTO_REQUEST_MAX : len;
    memcpy(s->request, bytes, s->request_len);
    s->request[s->request_len] = '\0';

    enum proto_parse parse = proto_parse(s->request, s->request_len, &s->parsed);
    if (too_long || (s->terminated && parse == PROTO_INCOMPLETE))
        return PROTO_BAD;
    return parse;
}

/* Reads until there is a request, or what cannot become one. One without a terminator counts when
 * nothing has followed it for `quiet_ms`. The answer describes s->request: PROTO_REQUEST or
 * PROTO_BAD; PROTO_INCOMPLETE means the client left or fell silent before it said anything. */
static enum proto_parse read_request(struct session *s, int64_t deadline_ms, int quiet_ms)
{
    for (;;) {
        enum proto_parse parse = look_at_request(s);
        if (s->terminated)
            return s->request_len > 0 || !s->ended ? parse : PROTO_INCOMPLETE;
        int64_t until_ms = deadline_ms;
        if (parse != PROTO_INCOMPLETE && io_now_ms() + quiet_ms < deadline_ms)
            until_ms = io_now_ms() + quiet_ms;
        ssize_t got = io_fill(&s->conn, until_ms);
        s->ended = got == 0;
        if (got == 0)
            errno = ENODATA;
        if (got >= 0)
            continue;
        if (errno == ETIMEDOUT && s->request_len > 0)
            return parse == PROTO_REQUEST ? PROTO_REQUEST : PROTO_BAD;
        return PROTO_INCOMPLETE;
    }
}

/* So large a text takes pages of the stack that are copied for a child: it has its own frame. */
__attribute__((noinline)) static void log_escaped(const char *what, const char *bytes, size_t len)
{
    char text[LOG_TEXT_MAX];

    text_escape(text, sizeof text, bytes, len);
    log_line("server %s %s", what, text);
}

static void log_request(const struct session *s)
{
    if (s->config->verbose)
        log_escaped("receiving request:", s->request, s->request_len);
}

static void claim_request(struct session *s)
{
    /* It is a part of s->request, which is no longer than what is claimed of it. */
    size_t before = (size_t)(s->parsed.name - s->request);

    memcpy(s->claims->name, s->parsed.name, s->request_len - before + 1);
    s->claims->verb = s->parsed.verb;
}

static void log_deleting(const struct session *s)
{
    if (s->config->verbose)
        log_escaped("deleting file", s->parsed.name, strlen(s->parsed.name));
}

static void log_moving(const struct session *s, const char *verb, uint64_t size)
{
    if (s->config->verbose)
        log_line("server %s %" PRIu64 " bytes", verb, size);
}

static struct transfer begin_transfer(struct session *s, int file_fd, uint64_t size)
{
    s->claims->size = size;
    return (struct transfer){
        .conn = &s->conn,
        .file_fd = file_fd,
        .size = size,
        .idle_ms = s->config->idle_ms,
        .min_rate = s->config->min_rate,
        .on_progress = claims_moved,
        .arg = s->claims,
    };
}

/* The repetition of an unterminated request that was granted before it came is no part of the next
 * turn, and nothing else begins like one. Returns 0, or -1 as io_read_exact(). */
static int skip_repetition(struct session *s, int64_t deadline_ms)
{
    size_t same = 0;

    if (s->terminated || s->repeated)
        return 0;
    while (same < s->request_len) {
        if (io_unread(&s->conn) == same) {
            ssize_t got = io_fill(&s->conn, deadline_ms);
            if (got == 0)
                errno = ENODATA;
            if (got <= 0)
                return -1;
        }
        if (s->conn.buf[s->conn.start + same] != s->request[same])
            return 0;
        same++;
    }
    s->conn.start += same;
    return 0;
}

/* GET from the server's OK on. */
static enum outcome send_file(struct session *s, int file_fd, uint64_t size)
{
    if (say_word(s, PROTO_OK) < 0)
        return claims_break_off(s->claims);
    int64_t deadline_ms = begin_turn(s);
    if (skip_repetition(s, deadline_ms) < 0 ||
        io_expect_word(&s->conn, PROTO_READY, deadline_ms) < 0)
        return claims_break_off(s->claims);
    if (say_size(s, size) < 0 || io_expect_word(&s->conn, PROTO_OK, begin_turn(s)) < 0)
        return claims_break_off(s->claims);
    log_moving(s, "sending", size);
    struct transfer transfer = begin_transfer(s, file_fd, size);
    enum transfer_end end = transfer_send(&transfer);
    if (end == TRANSFER_FILE) /* it was ours to keep what the size promised */
        return claims_end(s->claims, OUTCOME_BROKEN, errno);
    return end == TRANSFER_DONE ? finish_done(s) : claims_break_off(s->claims);
}

/* Reads the size of an upload. Returns 0, or -1 with errno: EFBIG where the first byte alone says
 * that no file can be so large, or io_read_exact()'s. */
static int read_size(struct session *s, uint64_t *size)
{
    unsigned char wire[PROTO_SIZE_LEN];
    int64_t deadline_ms = begin_turn(s);

    if (skip_repetition(s, deadline_ms) < 0)
        return -1;
    /* The terminator of a request that was taken without one may still come. */
    if (!s->terminated && io_skip_line_ends(&s->conn, deadline_ms) < 0)
        return -1;
    if (io_read_exact(&s->conn, wire, 1, deadline_ms) < 0)
        return -1;
    if (wire[0] != 0) {
        errno = EFBIG;
        return -1;
    }
    if (io_read_exact(&s->conn, wire + 1, sizeof wire - 1, deadline_ms) < 0)
        return -1;
    *size = proto_get_size(wire);
    return 0;
}

/* PUT from the server's OK on. The caller discards `upload` if this does not commit it. */
static enum outcome receive_file(struct session *s, struct staged *upload)
{
    uint64_t size = 0;

    if (say_word(s, PROTO_OK) < 0)
        return claims_break_off(s->claims);
    if (read_size(s, &size) < 0) {
        /* In place of the size came more of a name that had seemed whole. */
        if (errno == EFBIG && !s->terminated)
            errno = EPROTO;
        if (errno != EFBIG)
            return claims_break_off(s->claims);
        return refuse(s, EFBIG, PROTO_CANNOT_CREATE, s->parsed.name);
    }
    if (size > s->config->max_size)
        return refuse(s, EFBIG, PROTO_CANNOT_CREATE, s->parsed.name);
    if (staged_reserve(upload, size) < 0)
        return refuse(s, errno, PROTO_CANNOT_CREATE, s->parsed.name);
    if (say_word(s, PROTO_OK) < 0)
        return claims_break_off(s->claims);

    log_moving(s, "receiving", size);
    struct transfer transfer = begin_transfer(s, upload->fd, size);
    transfer.reads_zero = true;
    enum transfer_end end = transfer_receive(&transfer);
    if (end == TRANSFER_PEER)
        return claims_break_off(s->claims);
    if (end != TRANSFER_DONE || staged_commit(upload, s->config->durable, NULL) < 0)
        return refuse(s, errno, PROTO_CANNOT_CREATE, s->parsed.name);
    return finish_done(s);
}

static enum outcome delete_file(struct session *s)
{
    const struct session_config *config = s->config;
    struct stat st;

    if (storage_look(config->root_fd, s->parsed.name, &st) < 0)
        return storage_out_of_room(errno) ? claims_break_off(s->claims)
                                          : refuse(s, errno, PROTO_NO_SUCH_FILE, s->parsed.name);
    if (config->read_only || config->no_delete)
        return refuse(s, config->read_only ? EROFS : EPERM, PROTO_CANNOT_DELETE, s->parsed.name);
    int outcome = storage_delete(config->root_fd, s->parsed.name, config->durable, NULL);
    if (outcome < 0 && errno == ENOENT)
        return refuse(s, ENOENT, PROTO_NO_SUCH_FILE, s->parsed.name);
    log_deleting(s);
    if (outcome < 0)
        return refuse(s, errno, PROTO_CANNOT_DELETE, s->parsed.name);
    return finish_done(s);
}

/* What the request needs before it can be granted: the open file. */
struct grant {
    int file_fd; /* GET */
    uint64_t size;
    struct staged upload; /* PUT */
};

/* Can this request succeed? Opens what it needs; with `make`, makes the directories that it needs,
 * too. Returns 0, or -1 with errno. */
static int prepare(struct session *s, struct grant *grant, bool make)
{
    const struct session_config *config = s->config;

    switch (s->parsed.verb) {
    case PROTO_GET:
        grant->file_fd =
            storage_open_file(config->root_fd, config->nameless, s->parsed.name, &grant->size);
        return grant->file_fd < 0 ? -1 : 0;
    case PROTO_PUT:
        if (config->read_only) {
            errno = EROFS;
            return -1;
        }
        return storage_create(config, s->parsed.name, make && config->make_directories,
                              &grant->upload);
    case PROTO_DEL:
        break;
    }
    return 0;
}

/* `error` is 0, or why it could not be prepared. */
static enum outcome serve(struct session *s, struct grant *grant, int error)
{
    enum outcome outcome = OUTCOME_NONE;

    switch (s->parsed.verb) {
    case PROTO_GET:
        if (error != 0)
            return refuse(s, error, PROTO_NO_SUCH_FILE, s->parsed.name);
        outcome = send_file(s, grant->file_fd, grant->size);
        close(grant->file_fd); /* io_close() would look at errno, which is on a page of libc's */
        break;
    case PROTO_PUT:
        if (error != 0)
            return refuse(s, error, PROTO_CANNOT_CREATE, s->parsed.name);
        outcome = receive_file(s, &grant->upload);
        staged_discard(&grant->upload);
        break;
    case PROTO_DEL:
        outcome = delete_file(s);
        break;
    }
    return outcome;
}

/* From the request to the last word. A request without a terminator may be torn. One that can
 * succeed goes ahead at once, because the next turn would expose it; before a refusal, or what
 * nothing would undo, a deletion or a new directory, we listen for the rest of it. */
static enum outcome answer_request(struct session *s)
{
    int64_t deadline_ms = begin_turn(s);
    struct grant grant = {.file_fd = -1};
    enum proto_parse parse = PROTO_INCOMPLETE;
    int error = 0; /* why it could not be prepared */

    for (int quiet_ms = 0;; quiet_ms = TAIL_MS) {
        parse = read_request(s, deadline_ms, quiet_ms);
        bool sure = s->terminated || quiet_ms > 0;
        bool prepared = parse == PROTO_REQUEST && prepare(s, &grant, sure) == 0;
        error = prepared ? 0 : errno;
        bool exposed = prepared && s->parsed.verb != PROTO_DEL;
        if (parse == PROTO_INCOMPLETE || sure || exposed)
            break;
    }
    if (parse == PROTO_INCOMPLETE)
        return claims_break_off(s->claims);
    log_request(s);
    if (parse == PROTO_BAD)
        return refuse(s, EBADMSG, PROTO_BAD_REQUEST);
    claim_request(s);
    if (storage_out_of_room(error)) {
        errno = error;
        return claims_break_off(s->claims);
    }
    s->conn.start += s->consumed;
    return serve(s, &grant, error);
}

static void lab_run(const struct session_config *config, int fd, struct claims *claims)
{
    struct session s = {.config = config, .claims = claims};

    io_conn_init(&s.conn, fd);
    if (say_word(&s, PROTO_READY) == 0)
        (void)answer_request(&s);
    else
        (void)claims_break_off(claims);
    io_finish(&s.conn);
}

const struct service lab_service = {.name = "lab", .run = lab_run};
