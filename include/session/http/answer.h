/* answer.h - what is said in answer to a request (RFC 9110 sections 6 and 15, RFC 9112 section 4).
 *
 * Every answer closes the connection, and says so. */
#ifndef FERRY_HTTP_ANSWER_H
#define FERRY_HTTP_ANSWER_H

#include "session/http/exchange.h"

#include <time.h>

enum { HTTP_ANSWER_MAX = 8 * 1024 };

/* The head of an answer, while it is made. */
struct answer {
    unsigned status;
    time_t made; /* what its Date says */
    size_t len;
    char text[HTTP_ANSWER_MAX];
};

/* Begins it with the status line and the fields that every answer has: Date, Server, Connection:
 * close, X-Content-Type-Options. */
void answer_begin(struct answer *answer, unsigned status);

/* Adds a field. A value is ours, or has been made safe: no line end may be in it. */
__attribute__((format(printf, 3, 4))) void answer_field(struct answer *answer, const char *name,
                                                        const char *format, ...);

/* The same for a value that need not be printed, as most need not: printf(3) takes pages of libc
 * that a child touches for nothing else. */
void answer_text(struct answer *answer, const char *name, const char *value);
void answer_number(struct answer *answer, const char *name, uint64_t number);

/* Last-Modified, of what was changed at that time. One in the future is told as now (RFC 9110
 * section 8.8.2.1). */
void answer_last_modified(struct answer *answer, time_t changed);

/* Ends the head and sends it, and `len` bytes of the body with it where the request was not HEAD;
 * `more`: the rest of the body follows at once. Claims the status. Returns 0, or
 * -1 with errno, as io_send_all(). A client that does not listen any more is no failure yet. */
int answer_send(struct exchange *x, struct answer *answer, const void *body, size_t len, bool more);

/* An answer without a body: 200 with Content-Length 0, 201, 204, 304. Returns as answer_send(). */
int answer_send_empty(struct exchange *x, struct answer *answer);

/* The same where nothing else was asked than this answer: that it is done is claimed once it is
 * sent, or that it was broken off. */
void answer_tell_empty(struct exchange *x, struct answer *answer);

/* Says no, in one line of plain text: `format` and what follows, in which bytes that could harm a
 * terminal are escaped. `error` says why, to those at home; 0: the status says it. 405 names what
 * is allowed, 503 when to come again. The outcome is claimed: of 408 it is a timeout, or with
 * ETIME, too slow. */
__attribute__((format(printf, 4, 5))) void answer_refuse(struct exchange *x, unsigned status,
                                                         int error, const char *format, ...);

/* The same for an answer that has been begun, and has fields of its own. */
__attribute__((format(printf, 4, 5))) void
answer_refuse_with(struct exchange *x, struct answer *answer, int error, const char *format, ...);

/* The same where the errno of what failed decides the status and the words: ENOENT 404, EACCES 403,
 * ENOSPC 507, ... `doing` is what could not be done to the target: "read", "store", "delete",
 * "make". */
void answer_refuse_error(struct exchange *x, int error, const char *doing);

/* What was asked is done, whether or not the client stays to hear it. */
void answer_done(struct exchange *x);

/* Lets the client read the answer to its end before the connection is closed. Where it was refused,
 * a body that nobody wants may still be on its way: that is read and dropped for as long as it
 * keeps coming, up to --request-timeout (RFC 9112 section 9.6). */
void answer_finish(struct exchange *x);

/* The exchange ends without a last word, for the reason that errno gives (claims_break_off()). */
void answer_break_off(struct exchange *x);

#endif
