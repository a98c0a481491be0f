/* answer.c - what is said in answer to a request.
 *
 * Runs in: the worker (child process or thread), never in the manager.
 * So:      no exit(), chdir(), umask(), static buffers. */
#include "session/http/answer.h"

#include "common/text.h"
#include "session/http/validators.h"
#include "session/storage.h"

#include <errno.h>
#include <stdarg.h>

enum { RETRY_AFTER_S = 1, WORDS_MAX = sizeof(((struct claims *)NULL)->error) };

/* "Not Found". */
static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {206, "Partial Content"},
        {201, "Created"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

/* ---- the head ---- */

__attribute__((format(printf, 2, 0))) static void add(struct answer *answer, const char *format,
                                                      va_list args)
{
    size_t room = sizeof answer->text - answer->len;
    int printed = vsnprintf(answer->text + answer->len, room, format, args);

    if (printed > 0 && (size_t)printed < room)
        answer->len += (size_t)printed;
}

static void add_text(struct answer *answer, const char *text)
{
    size_t len = strlen(text);

    if (len < sizeof answer->text - answer->len) {
        memcpy(answer->text + answer->len, text, len);
        answer->len += len;
    }
}

/* "404 " */
static void add_status(struct answer *answer)
{
    const char digits[] = {(char)('0' + answer->status / 100),
                           (char)('0' + answer->status / 10 % 10),
                           (char)('0' + answer->status % 10), ' ', '\0'};
    add_text(answer, digits);
}

void answer_begin(struct answer *answer, unsigned status)
{
    char date[HTTP_DATE_MAX];

    answer->status = status;
    answer->made = (time_t)(io_wall_ns() / 1000000000);
    answer->len = 0;
    add_text(answer, "HTTP/1.1 ");
    add_status(answer);
    add_text(answer, reason_of(status));
    add_text(answer, "\r\n");
    answer_text(answer, "Date", http_date(answer->made, date));
    add_text(answer, "Server: ferryd\r\n"
                     "Connection: close\r\n"
                     "X-Content-Type-Options: nosniff\r\n"
                     "Cross-Origin-Resource-Policy: same-origin\r\n");
}

void answer_text(struct answer *answer, const char *name, const char *value)
{
    add_text(answer, name);
    add_text(answer, ": ");
    add_text(answer, value);
    add_text(answer, "\r\n");
}

void answer_number(struct answer *answer, const char *name, uint64_t number)
{
    char digits[24];
    char *at = digits + sizeof digits;

    *--at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    answer_text(answer, name, at);
}

void answer_last_modified(struct answer *answer, time_t changed)
{
    char date[HTTP_DATE_MAX];

    answer_text(answer, "Last-Modified",
                http_date(changed < answer->made ? changed : answer->made, date));
}

void answer_field(struct answer *answer, const char *name, const char *format, ...)
{
    va_list args;

    add_text(answer, name);
    add_text(answer, ": ");
    va_start(args, format);
    add(answer, format, args);
    va_end(args);
    add_text(answer, "\r\n");
}

/* ---- sending ---- */

static int send_bytes(struct exchange *x, const void *bytes, size_t len, bool more)
{
    int64_t deadline_ms = http_turn_deadline(x);
    int outcome = more ? io_send_part(x->conn.fd, bytes, len, deadline_ms)
                       : io_send_all(x->conn.fd, bytes, len, deadline_ms);

    return outcome < 0 && (errno == EPIPE || errno == ECONNRESET) ? 0 : outcome;
}

int answer_send(struct exchange *x, struct answer *answer, const void *body, size_t len, bool more)
{
    add_text(answer, "\r\n");
    x->claims->status = answer->status;
    if (x->head.method == HTTP_HEAD)
        return send_bytes(x, answer->text, answer->len, false);
    if (len > 0 && len <= sizeof answer->text - answer->len) {
        memcpy(answer->text + answer->len, body, len);
        return send_bytes(x, answer->text, answer->len + len, more);
    }
    if (send_bytes(x, answer->text, answer->len, more || len > 0) < 0)
        return -1;
    return len > 0 ? send_bytes(x, body, len, more) : 0;
}

int answer_send_empty(struct exchange *x, struct answer *answer)
{
    /* These two never have a body, and a length would be that of another answer's (RFC 9110 section
     * 8.6). */
    if (answer->status != 204 && answer->status != 304)
        answer_text(answer, "Content-Length", "0");
    return answer_send(x, answer, NULL, 0, false);
}

void answer_tell_empty(struct exchange *x, struct answer *answer)
{
    if (answer_send_empty(x, answer) < 0)
        answer_break_off(x);
    else
        answer_done(x);
}

/* ---- saying no ---- */

static enum outcome outcome_of(unsigned status, int error)
{
    if (status != 408)
        return OUTCOME_REFUSED;
    return error == ETIME ? OUTCOME_TOO_SLOW : OUTCOME_TIMEOUT;
}

__attribute__((format(printf, 4, 0))) static void
refuse(struct exchange *x, struct answer *answer, int error, const char *format, va_list args)
{
    char words[WORDS_MAX], text[2 * WORDS_MAX];
    enum outcome outcome = outcome_of(answer->status, error);

    (void)vsnprintf(words, sizeof words - 1, format, args);
    size_t len = text_escape(text, sizeof text - 1, words, strlen(words));
    memcpy(x->claims->error, words, strlen(words) + 1);
    (void)claims_end(x->claims, outcome, outcome == OUTCOME_REFUSED ? error : 0);

    if (answer->status == 405)
        answer_text(answer, "Allow", x->allow);
    if (answer->status == 503)
        answer_number(answer, "Retry-After", RETRY_AFTER_S);
    text[len++] = '\n';
    answer_text(answer, "Content-Type", "text/plain; charset=utf-8");
    answer_number(answer, "Content-Length", len);
    (void)answer_send(x, answer, text, len, false);
}

void answer_refuse_with(struct exchange *x, struct answer *answer, int error, const char *format,
                        ...)
{
    va_list args;

    va_start(args, format);
    refuse(x, answer, error, format, args);
    va_end(args);
}

void answer_refuse(struct exchange *x, unsigned status, int error, const char *format, ...)
{
    struct answer answer;
    va_list args;

    answer_begin(&answer, status);
    va_start(args, format);
    refuse(x, &answer, error, format, args);
    va_end(args);
}

void answer_refuse_error(struct exchange *x, int error, const char *doing)
{
    const char *name = x->target.name;

    if (storage_out_of_room(error)) {
        answer_refuse(x, 503, error, "the server has no room at the moment");
        return;
    }
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:
    case EISDIR: /* neither a file nor a directory */
    case ENAMETOOLONG:
        answer_refuse(x, 404, error, "%s does not exist", name);
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        answer_refuse(x, 403, error, "unable to %s %s: %s", doing, name,
                      error == EROFS ? "the disk is read-only" : "permission denied");
        break;
    case EFBIG:
        answer_refuse(x, 413, error, "%s is too large", name);
        break;
    case ENOSPC:
    case EDQUOT:
        answer_refuse(x, 507, error, "there is no room for %s", name);
        break;
    default:
        answer_refuse(x, 500, error, "unable to %s %s: the disk failed", doing, name);
        break;
    }
}

/* ---- the end ---- */

void answer_done(struct exchange *x)
{
    (void)claims_end(x->claims, OUTCOME_DONE, 0);
}

void answer_break_off(struct exchange *x)
{
    (void)claims_break_off(x->claims);
}

void answer_finish(struct exchange *x)
{
    if (x->claims->status >= 400)
        io_finish_within(&x->conn, x->config->turn_ms);
    else
        io_finish(&x->conn);
}
