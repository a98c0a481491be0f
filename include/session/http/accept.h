/* accept.h - which form of an answer the client would rather have: no I/O (RFC 9110 section
 * 12.5.1). */
#ifndef FERRY_HTTP_ACCEPT_H
#define FERRY_HTTP_ACCEPT_H

#include "session/http/head.h"

/* JSON rather than HTML? Not where it likes both alike, or neither, or does not say. */
bool http_prefers_json(const struct http_head *head);

#endif
