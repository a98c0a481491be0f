/* http.c - one client's request over HTTP, from its first byte to the end of the answer.
 *
 * Runs in: the worker (child process or thread), never in the manager.
 * So:      no exit(), chdir(), umask(), static buffers. */
#include "session/http/http.h"

#include "common/log.h"
#include "common/text.h"
#include "session/http/answer.h"
#include "session/http/gate.h"
#include "session/http/read.h"
#include "session/http/write.h"

#include <errno.h>

/* How a turn of the head may end, as this client is told. */
static const char too_slow[] = "the request did not come in time";

int64_t http_turn_deadline(const struct exchange *x)
{
    return io_now_ms() + x->config->turn_ms;
}

/* Reads the head. Returns 0; the status to answer with; or -1 with errno, where nobody is there to
 * be answered. */
static int read_head(struct exchange *x, const char **wrong)
{
    int64_t deadline_ms = http_turn_deadline(x);

    http_head_init(&x->head);
    io_be_patient(&x->conn);
    while (!x->head.whole && x->head.status == 0) {
        ssize_t got = io_fill(&x->conn, deadline_ms);
        if (got == 0)
            errno = ENODATA;
        if (got < 0 && errno == ETIMEDOUT && x->head.len > 0) {
            *wrong = too_slow;
            return 408;
        }
        if (got <= 0)
            return -1;
        x->conn.start += http_head_feed(&x->head, x->conn.buf + x->conn.start, io_unread(&x->conn));
        /* They may come faster than they are read, so that there is never a wait. */
        if (!x->head.whole && io_now_ms() >= deadline_ms) {
            *wrong = too_slow;
            return 408;
        }
    }
    *wrong = x->head.wrong;
    return (int)x->head.status;
}

/* What can be known of a request that is understood without looking at a file. Returns 0, or the
 * status to answer with. */
static unsigned check(struct exchange *x, const char **wrong)
{
    unsigned status = http_gate(&x->config->http_names, &x->head, &x->target, wrong);

    return status != 0 ? status : http_head_framing(&x->head, &x->framing, wrong);
}

static const char *allowed(const struct session_config *config)
{
    if (config->read_only)
        return "GET, HEAD, OPTIONS";
    if (config->no_delete)
        return config->make_directories ? "GET, HEAD, PUT, MKCOL, OPTIONS"
                                        : "GET, HEAD, PUT, OPTIONS";
    return config->make_directories ? "GET, HEAD, PUT, DELETE, MKCOL, OPTIONS"
                                    : "GET, HEAD, PUT, DELETE, OPTIONS";
}

/* So large a text takes pages of the stack that are copied for a child: it has its own frame. */
__attribute__((noinline)) static void log_request(const struct exchange *x)
{
    char target[LOG_TEXT_MAX];

    text_escape(target, sizeof target, x->head.target, strlen(x->head.target));
    log_line("server receiving request: %s %s", http_head_method(&x->head), target);
}

static void claim_request(struct exchange *x)
{
    static const enum claims_verb verbs[HTTP_METHODS] = {
        [HTTP_GET] = CLAIMS_GET,       [HTTP_HEAD] = CLAIMS_HEAD,       [HTTP_PUT] = CLAIMS_PUT,
        [HTTP_DELETE] = CLAIMS_DELETE, [HTTP_OPTIONS] = CLAIMS_OPTIONS, [HTTP_MKCOL] = CLAIMS_MKCOL,
    };
    memcpy(x->claims->name, x->target.name, strlen(x->target.name) + 1);
    x->claims->verb = verbs[x->head.method];
}

static void tell_options(struct exchange *x)
{
    struct answer answer;

    answer_begin(&answer, 204);
    answer_text(&answer, "Allow", x->allow);
    answer_tell_empty(x, &answer);
}

static void serve(struct exchange *x)
{
    switch (x->head.method) {
    case HTTP_GET:
    case HTTP_HEAD:
        http_read(x);
        break;
    case HTTP_PUT:
        http_put(x);
        break;
    case HTTP_DELETE:
        http_delete(x);
        break;
    case HTTP_MKCOL:
        http_make_directory(x);
        break;
    case HTTP_OPTIONS:
        tell_options(x);
        break;
    case HTTP_NO_METHOD:
    case HTTP_METHODS:
        break;
    }
}

/* Not all of it: what is read comes into its buffers later, if at all. */
static void begin(struct exchange *x, const struct session_config *config, int fd,
                  struct claims *claims)
{
    x->config = config;
    x->claims = claims;
    x->framing = (struct http_framing){.length = 0};
    x->allow = allowed(config);
    io_conn_init(&x->conn, fd);
}

static void answer_request(struct exchange *x)
{
    const char *wrong = NULL;
    int status = read_head(x, &wrong);

    if (status < 0) {
        answer_break_off(x);
        return;
    }
    if (x->config->verbose && x->head.target[0] != '\0')
        log_request(x);
    if (status == 0)
        status = (int)http_target_parse(&x->target, &x->head, &wrong);
    if (status == 0) {
        claim_request(x);
        status = (int)check(x, &wrong);
    }
    if (status == 0)
        serve(x);
    else
        answer_refuse(x, (unsigned)status, 0, "%s", wrong);
}

static void http_run(const struct session_config *config, int fd, struct claims *claims)
{
    struct exchange x;

    begin(&x, config, fd, claims);
    answer_request(&x);
    answer_finish(&x);
}

const struct service http_service = {.name = "http", .client_begins = true, .run = http_run};
