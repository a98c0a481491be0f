/* exchange.h - one request and its answer: what the parts of the service share. */
#ifndef FERRY_HTTP_EXCHANGE_H
#define FERRY_HTTP_EXCHANGE_H

#include "common/io.h"
#include "session/http/head.h"
#include "session/http/target.h"
#include "session/service.h"

struct exchange {
    const struct session_config *config; /* borrowed */
    struct claims *claims;               /* shared with the parent; borrowed */
    struct http_framing framing;
    const char *allow;   /* the methods that the target knows, for 405 and OPTIONS */
    struct io_conn conn; /* what is unread there follows the head */
    struct http_target target;
    struct http_head head;
};

/* The moment up to which the turn that begins now may take. */
int64_t http_turn_deadline(const struct exchange *x);

#endif
