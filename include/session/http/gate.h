/* gate.h - which requests a browser may be the author of: no I/O (docs/security.md).
 *
 * A page from elsewhere can make a visitor's browser send requests to this server. */
#ifndef FERRY_HTTP_GATE_H
#define FERRY_HTTP_GATE_H

#include "session/http/head.h"
#include "session/http/target.h"
#include "session/service.h"

/* May this request come in? The Host must be an address, localhost, this machine's name or one that
 * was given (421: DNS rebinding); one that changes something must not come from another origin
 * (403). Returns 0; or the status that it is to be answered with, and *wrong says why; 400 for a
 * Host that is none, or is missing. */
unsigned http_gate(const struct http_names *names, const struct http_head *head,
                   const struct http_target *target, const char **wrong);

#endif
