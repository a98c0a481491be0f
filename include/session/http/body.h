/* body.h - the body of a request, on its way into a file. */
#ifndef FERRY_HTTP_BODY_H
#define FERRY_HTTP_BODY_H

#include "common/staged.h"
#include "session/http/exchange.h"

/* Says "100 Continue" where the client waits for it, and receives the body into `upload`, whose
 * room it sets aside first. Returns 0; or -1: it was not received, and the client was told why, or
 * it has gone, and that was claimed. The caller ends `upload` either way. */
int http_receive_body(struct exchange *x, struct staged *upload);

/* Has the request a body, one that is empty excepted? */
bool http_has_body(const struct exchange *x);

#endif
